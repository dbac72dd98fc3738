"""What a new boot of a system makes void."""

from dataclasses import replace

from haconn.core import events
from haconn.core.actions import Remark
from haconn.core.system import Status
from tests.core.parts import ACCEPTED, NEW, ONE, PLAIN, REFUSED, commands, of, registered, speaker


def test_a_capture_kernel_of_the_boot_before_is_no_evidence() -> None:
    site = registered(replace(PLAIN, fence_kdump=True))
    site.take(events.KdumpHeard("10.0.0.1"), 10.0)
    site.speaks(ONE, 11.0, NEW)
    assert commands(site.asks(12.0)) == ["SOFT_RESET"]


def test_a_new_boot_was_reset_and_raises_no_alarm() -> None:
    site = registered()
    site.stops(ONE, 20.0)
    actions = site.take(events.Spoke(speaker(ONE, NEW, answers_at=30.0)), 30.1)
    assert [note.message for note in of(Remark, actions)] == ["booted"]
    assert of(Remark, site.passes(100.0)) == []


def test_a_new_boot_has_not_said_good_bye() -> None:
    site = registered()
    site.take(events.Left(speaker(ONE)), 1.0)
    site.speaks(ONE, 2.0, NEW)
    assert (site.status(), site.system().bye_at) == (Status.NORMAL, None)


def test_a_new_boot_that_is_off_soon_is_off() -> None:
    site = registered()
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    site.answers(ACCEPTED, 20.0, stage=1)
    site.speaks(ONE, 25.0, NEW)
    assert site.system().verdict is None
    site.reads_off(35.0)
    assert site.status() is Status.POFF
