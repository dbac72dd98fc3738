"""The schedule of what is told."""

from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from haconn.core.actions import NoticeKind
from haconn.core.outbox import (
    AND_EACH_S,
    REPEATS_S,
    RESULT_FOR_S,
    Outbox,
    RequestName,
    Schedule,
    Telling,
    last_serial_before,
)
from tests.core.parts import ONE, THREE, TWO, at

NAME = (TWO, "a1")
POFF, DUMP = NoticeKind.POFF, NoticeKind.DUMP


def sendings(outbox: Outbox, until: float) -> list[float]:
    """When something is sent, if the clock is looked at whenever it is due."""
    times: list[float] = []
    while (due := outbox.next_due()) is not None and due <= until:
        times += [float(due)] * len(list(outbox.due_boxes(due)))
    return times


def results() -> Schedule[RequestName]:
    return Schedule(RESULT_FOR_S)


def test_an_empty_outbox_waits_for_nothing() -> None:
    assert Outbox().next_due() is None


def test_results_are_repeated_and_then_each_48_seconds_for_ten_minutes() -> None:
    schedule, times = results(), []
    schedule.begin(NAME, at(100.0))
    while (due := schedule.next_due()) is not None:
        times += [float(due)] * len(schedule.due(due))
    more = [48.0 + 48.0 * count for count in range(1, 12)]
    assert times == [100.0 + wait for wait in [*REPEATS_S, *more]]
    assert NAME not in schedule


def test_a_result_is_told_for_ten_minutes_and_no_longer() -> None:
    schedule = results()
    schedule.begin(NAME, at(100.0))
    assert schedule.due(at(100.0 + RESULT_FOR_S)) == [NAME]
    schedule.begin(NAME, at(100.0))
    assert schedule.due(at(100.1 + RESULT_FOR_S)) == []
    assert schedule.names() == ()


def test_a_result_told_anew_begins_its_schedule_anew() -> None:
    schedule = results()
    schedule.begin(NAME, at(100.0))
    assert schedule.due(at(100.0)) == [NAME]
    assert schedule.due(at(100.1)) == []
    schedule.begin(NAME, at(100.1))
    assert schedule.due(at(100.1)) == [NAME]
    assert schedule.next_due() == 100.1 + 0.2


def test_what_has_ended_is_due_no_more() -> None:
    schedule = results()
    schedule.begin(NAME, at(100.0))
    assert schedule.end(NAME)
    assert not schedule.end(NAME)
    assert schedule.next_due() is None
    assert schedule.due(at(200.0)) == []


def test_what_is_not_due_is_not_looked_at() -> None:
    """A flood of one requester's results costs nothing while another's datagram is heard."""
    schedule = results()
    for number in range(10_000):
        schedule.begin((TWO, f"a{number}"), at(100.0))
    assert len(schedule.due(at(100.0))) == 10_000
    began = perf_counter()
    for _ in range(10_000):
        assert schedule.due(at(100.1)) == []
    assert perf_counter() - began < 1.0


def test_notices_end_after_48_seconds() -> None:
    outbox = Outbox()
    outbox.notify(TWO, ONE, POFF, at(100.0), at(100.0))
    assert sendings(outbox, 2000.0) == [100.0 + wait for wait in REPEATS_S]
    assert outbox.boxes == {}


def test_a_notice_is_dropped_sixty_seconds_after_its_evidence() -> None:
    outbox = Outbox()
    outbox.notify(TWO, ONE, POFF, at(40.0), at(100.0))
    outbox.notify(TWO, THREE, POFF, at(60.0), at(100.0))
    ((_, notices, _),) = outbox.due_boxes(at(100.0))
    assert [notice.about for notice in notices] == [ONE, THREE]
    ((_, notices, _),) = outbox.due_boxes(at(100.2))
    assert [notice.about for notice in notices] == [THREE]
    assert list(outbox.due_boxes(at(120.1))) == []
    assert outbox.boxes == {}


def test_the_newest_notice_about_a_system_replaces_the_older_and_begins_the_schedule() -> None:
    outbox = Outbox()
    outbox.notify(TWO, ONE, DUMP, at(100.0), at(100.0))
    outbox.notify(TWO, THREE, POFF, at(100.0), at(100.0))
    ((key, notices, new),) = outbox.due_boxes(at(100.0))
    assert (key, [note.serial for note in notices], new) == (TWO, [1, 2], notices)
    assert list(outbox.due_boxes(at(100.1))) == []
    outbox.notify(TWO, ONE, POFF, at(100.1), at(100.1))
    ((key, notices, new),) = outbox.due_boxes(at(100.1))
    assert (key, new) == (TWO, notices[1:])
    assert [(note.serial, note.about, note.kind, note.at) for note in notices] == [
        (2, THREE, POFF, 100.0),
        (3, ONE, POFF, 100.1),
    ]
    ((_, notices, new),) = outbox.due_boxes(at(100.3))
    assert (len(notices), new) == (2, ())


def test_serials_of_two_processes_differ() -> None:
    assert last_serial_before("ab12") == 0x61623132 << 32
    assert last_serial_before("ab12cd") == last_serial_before("ab12")
    outbox = Outbox(last_serial_before("ab12"))
    outbox.notify(TWO, ONE, DUMP, at(100.0), at(100.0))
    assert outbox.boxes[TWO].notices[0].serial == (0x61623132 << 32) + 1


def test_a_notice_is_told_until_it_is_acknowledged() -> None:
    outbox = Outbox()
    outbox.notify(TWO, ONE, DUMP, at(100.0), at(100.0))
    outbox.notify(TWO, THREE, POFF, at(100.0), at(100.0))
    outbox.notify(THREE, ONE, DUMP, at(100.0), at(100.0))
    outbox.heard(TWO, (1, 7))
    assert [note.serial for note in outbox.boxes[TWO].notices] == [2]
    outbox.heard(TWO, (2,))
    outbox.heard(ONE, (3,))
    assert list(outbox.boxes) == [THREE]


def test_nobody_is_told_any_more_of_a_system_that_lives() -> None:
    outbox = Outbox()
    outbox.notify(TWO, ONE, DUMP, at(100.0), at(100.0))
    outbox.notify(TWO, THREE, POFF, at(100.0), at(100.0))
    outbox.notify(THREE, ONE, DUMP, at(100.0), at(100.0))
    outbox.drop_about(ONE, at(99.9))
    assert len(outbox.boxes[TWO].notices) == 2
    outbox.drop_about(ONE, at(100.0))
    assert [note.about for note in outbox.boxes[TWO].notices] == [THREE]
    assert THREE not in outbox.boxes


def test_what_was_meant_for_the_boot_before_is_dropped() -> None:
    outbox = Outbox()
    outbox.notify(TWO, ONE, DUMP, at(100.0), at(100.0))
    outbox.notify(THREE, ONE, DUMP, at(100.0), at(100.0))
    outbox.drop_for(TWO)
    assert list(outbox.boxes) == [THREE]
    outbox.drop_for(ONE)
    assert list(outbox.boxes) == [THREE]


def test_next_due_is_the_earliest_of_all() -> None:
    outbox = Outbox()
    outbox.notify(THREE, ONE, DUMP, at(100.0), at(100.0))
    outbox.notify(TWO, ONE, DUMP, at(99.0), at(99.0))
    assert outbox.next_due() == 99.0
    list(outbox.due_boxes(at(99.0)))
    assert outbox.next_due() == 99.2
    outbox.notify(TWO, ONE, DUMP, at(100.5), at(100.5))
    assert outbox.next_due() == 100.0


@given(st.floats(0.0, 1e6), st.floats(0.0, 2000.0))
def test_times_that_were_slept_through_are_not_made_up_for(began: float, slept_s: float) -> None:
    now = at(began + slept_s)
    telling = Telling(at(began)).stepped(now)
    assert telling.due > now
    assert telling.sent == 1 or Telling(at(began), telling.sent - 1).due <= now
    assert telling.due - now <= max(AND_EACH_S, 0.2) + 1e-6
