"""Who is told what, and for how long a verdict may be told."""

from dataclasses import replace

import pytest

from haconn.core import events
from haconn.core.actions import Line, LineKind, Notice, NoticeKind, TellNotices, TellResult
from haconn.core.model import Power, SystemKey
from haconn.core.request_table import Asked
from haconn.core.reset import OUTCOME_OF, Evidence, Outcome
from haconn.core.system import Registration, Status, System, Verdict
from haconn.core.telling import NOTICE_OF, notify_all, result_of
from tests.core.parts import NEW, OLD, ONE, THREE, TWO, Site, at, of, registered, speaker


def asked(evidence: Evidence, when: float = 100.0) -> Asked:
    return Asked(
        TWO,
        "a1",
        ONE,
        at(when),
        outcome=OUTCOME_OF[evidence],
        evidence=evidence,
        evidence_at=at(when),
        told_at=at(when),
    )


def told(site: Site, one: Asked, now: float) -> bool:
    """Whether a verdict is still told."""
    (tell,) = of(TellResult, result_of(site.world, one, at(now)))
    assert (tell.requester, tell.request_id, tell.target) == (TWO, "a1", ONE)
    assert tell.at == one.evidence_at
    if tell.outcome is one.outcome:
        assert (tell.evidence, tell.reason) == (one.evidence, one.reason)
        return True
    assert (tell.outcome, tell.evidence, tell.reason) == (Outcome.FAIL, None, "verdict over")
    return False


@pytest.mark.parametrize("evidence", list(Evidence))
def test_a_verdict_is_told_for_a_minute_and_a_stop_notice_for_ten(evidence: Evidence) -> None:
    for_s = 600.0 if evidence is Evidence.STOP_NOTICE else 60.0
    assert told(registered(), asked(evidence), 100.0 + for_s)
    assert not told(registered(), asked(evidence), 100.1 + for_s)


def test_off_is_told_as_long_as_it_is_fresh() -> None:
    site = registered()
    site.reads_off(500.0)
    assert told(site, asked(Evidence.POWER_OFF), 501.0)
    assert told(site, asked(Evidence.OUTLETS_OFF), 501.0)
    assert not told(site, asked(Evidence.HARD_RESET_ACCEPTED), 501.0)
    assert not told(site, asked(Evidence.POWER_OFF), 502.1)


def test_a_verdict_is_over_when_its_target_has_shown_life_or_gone() -> None:
    site = registered()
    site.world.put_system(replace(site.system(), alive_at=at(100.5)))
    assert not told(site, asked(Evidence.STOP_NOTICE), 101.0)
    site = registered()
    del site.world.systems[ONE]
    assert not told(site, asked(Evidence.STOP_NOTICE), 101.0)


def test_a_failure_is_told_as_it_is() -> None:
    failed = Asked(
        TWO, "a1", ONE, at(1.0), outcome=Outcome.FAIL, evidence_at=at(1.0), reason="not proved"
    )
    assert told(registered(), failed, 900.0)


def test_lines_of_a_request() -> None:
    site = registered()
    heard = of(Line, site.asks(1.0))[0]
    assert heard == Line(LineKind.RM_RESET, "db1", 1, False, "10.0.0.2", 7002, 2, ("P", None))
    said = [one for one in of(Line, site.stops(ONE, 1.5)) if one.kind is LineKind.RM_RESET]
    assert said == [replace(heard, sent=True, fields=("P", "DUMP"))]
    nobody = SystemKey(6001, 9)
    line = of(Line, site.asks(2.0, "a2", TWO, nobody))[0]
    assert (line.server, line.target) == ("----", 9)


def test_lines_of_a_requester_that_has_gone() -> None:
    site = registered()
    site.asks(1.0)
    del site.world.systems[TWO]
    line = next(one for one in of(Line, site.stops(ONE, 1.5)) if one.kind is LineKind.RM_RESET)
    assert (line.address, line.port, line.number) == (None, None, 2)


def test_lines_of_notices() -> None:
    site = registered()
    lines = of(Line, site.stops(ONE, 1.0))
    assert lines == [
        Line(LineKind.ATTENTION, "db1", 1, False, "10.0.0.1", 7001, 1, ("P", "DUMP")),
        Line(LineKind.ATTENTION, "db1", 1, True, "10.0.0.2", 7002, None, ("P", "DUMP")),
        Line(LineKind.ATTENTION, "db1", 1, True, "10.0.0.3", 7003, None, ("P", "DUMP")),
    ]
    assert of(Line, site.passes(1.2)) == []


def receivers(site: Site) -> list[SystemKey]:
    verdict = Verdict(Outcome.POFF, Evidence.POWER_OFF, at(1.0), at(1.0))
    notify_all(site.world, site.system(), verdict, at(1.5))
    return list(site.world.outbox.boxes)


def test_every_other_registered_system_of_the_port_is_told() -> None:
    site = registered()
    assert receivers(site) == [TWO, THREE]
    (notice,) = site.world.outbox.boxes[TWO].notices
    assert (notice.about, notice.kind, notice.at) == (ONE, NoticeKind.POFF, 1.0)


def test_systems_of_other_ports_are_not_told() -> None:
    site = registered()
    other = SystemKey(6002, 2)
    place = Registration("10.0.0.9", 1)
    site.world.put_system(System(other, "db2", Status.NORMAL, place))
    assert other not in receivers(site)


def test_who_does_not_listen_is_not_told() -> None:
    for status in Status:
        site = registered()
        site.world.put_system(replace(site.system(TWO), status=status))
        assert (TWO in receivers(site)) == (status in {Status.NORMAL, Status.ERROR})
    site = registered()
    site.world.put_system(replace(site.system(TWO), registration=None))
    assert receivers(site) == [THREE]


def test_nobody_is_told_of_one_that_has_shown_life_since() -> None:
    site = registered()
    site.world.put_system(replace(site.system(), alive_at=at(1.1)))
    assert receivers(site) == []


def test_every_evidence_has_its_notice() -> None:
    assert {kind: {one for one in Evidence if NOTICE_OF[one] is kind} for kind in NoticeKind} == {
        NoticeKind.DUMP: {Evidence.STOP_NOTICE, Evidence.KDUMP_NOTICE},
        NoticeKind.REBOOT: {Evidence.HARD_RESET_ACCEPTED, Evidence.NEW_BOOT},
        NoticeKind.POFF: {Evidence.POWER_OFF, Evidence.OUTLETS_OFF},
    }


def test_a_notice_waits_for_nobody_who_stops_listening() -> None:
    site = registered()
    site.stops(ONE, 1.0)
    site.stops(TWO, 1.05)
    actions = site.passes(1.3)
    assert {action.receiver for action in of(TellNotices, actions)} == {THREE}
    site = registered()
    site.stops(ONE, 1.0)
    site.world.put_system(replace(site.system(TWO), registration=None))
    del site.world.systems[THREE]
    assert of(TellNotices, site.passes(1.3)) == []


def test_what_a_notice_says() -> None:
    site = registered()
    actions = of(TellNotices, site.stops(ONE, 1.0))
    serial = actions[0].notices[0].serial
    notice = Notice(serial, ONE, NoticeKind.DUMP, at(1.0))
    assert actions[0] == TellNotices(TWO, "10.0.0.2", 7002, (notice,))


def test_a_result_is_told_until_it_is_acknowledged() -> None:
    site = registered()
    site.asks(1.0)
    site.stops(ONE, 1.5)
    assert len(of(TellResult, site.passes(2.2))) == 2
    heard = events.ResultHeard(speaker(TWO), "a1")
    site.take(heard, 2.3)
    assert site.world.asked[TWO, "a1"].heard
    assert of(TellResult, site.passes(600.0)) == []
    site.take(heard, 600.1)
    site.take(events.ResultHeard(speaker(TWO), "a9"), 600.2)


def test_an_acknowledgement_of_nothing_yet_is_not_kept() -> None:
    site = registered()
    site.asks(1.0)
    site.take(events.ResultHeard(speaker(TWO), "a1"), 1.1)
    assert not site.world.asked[TWO, "a1"].heard


def test_notices_are_told_again_after_a_restart_while_they_are_true() -> None:
    site = registered()
    site.stops(ONE, 1.0)
    site.world.outbox.drop_for(TWO)
    actions = site.take(events.Resumed(), 2.0)
    assert TWO in {action.receiver for action in of(TellNotices, actions)}
    site = registered()
    site.stops(ONE, 1.0)
    site.speaks(ONE, 5.0, NEW)
    assert of(TellNotices, site.take(events.Resumed(), 6.0)) == []
    site.reads(Power.ON, 7.0)
    assert site.system().boot_id == NEW != OLD
