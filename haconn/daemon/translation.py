"""The reset path's words and the core's, each translated once, in a table."""

from dataclasses import replace

from haconn.core import actions, events
from haconn.core.model import Instant, SystemKey
from haconn.core.reset import Evidence, Outcome
from haconn.wire import events as heard
from haconn.wire.codes import Doubt, NoticeState, Proof, Verdict
from haconn.wire.payloads import NONCE_SIZE, Checkup, Notice

VERDICT_OF = {
    Outcome.DUMP: Verdict.DUMP,
    Outcome.POFF: Verdict.POFF,
    Outcome.FAIL: Verdict.FAIL,
    Outcome.ERROR: Verdict.ERROR,
}
PROOF_OF = {
    None: Proof.NONE,
    Evidence.STOP_NOTICE: Proof.STOP_NOTICE,
    Evidence.KDUMP_NOTICE: Proof.FENCE_KDUMP,
    Evidence.HARD_RESET_ACCEPTED: Proof.RESET_ACCEPTED,
    Evidence.POWER_OFF: Proof.POWER_OFF,
    Evidence.OUTLETS_OFF: Proof.OUTLETS_OFF,
    Evidence.NEW_BOOT: Proof.NEW_BOOT,
}
STATE_OF = {
    actions.NoticeKind.DUMP: NoticeState.DUMP,
    actions.NoticeKind.REBOOT: NoticeState.REBOOT,
    actions.NoticeKind.POFF: NoticeState.POFF,
}


def speaker(event: heard.Spoke) -> events.Speaker:
    """Who spoke."""
    address, port = event.by.source
    return events.Speaker(
        event.key,
        event.boot_id,
        Instant(event.session_begun_at),
        address,
        port,
        uuid=event.by.uuid,
        answers_at=Instant(event.by.answers_at),
    )


def to_core(event: heard.Event) -> events.WireEvent:
    """What the core hears."""
    if isinstance(event, heard.StopNotice):
        return events.Stopped(event.key, event.boot_id, *event.source)
    return _in_session(event, speaker(event))


def _in_session(event: heard.Spoke, by: events.Speaker) -> events.WireEvent:
    match event:
        case heard.Registered():
            return events.Registered(by, event.address, event.port)
        case heard.SessionBegun():
            return events.Spoke(_at_home(by, event.port))
        case heard.Checked():
            return events.Checked(by, str(event.token), event.targets)
        case heard.ResetRequested() | heard.ResetRefused():
            return events.Requested(by, event.request_id.hex(), event.target)
        case heard.ResultAcknowledged():
            return events.ResultHeard(by, event.request_id.hex())
        case heard.NoticeAcknowledged():
            return events.NoticeHeard(by, tuple(one.serial for one in event.notices))
        case heard.Bye():
            return events.Left(by)
        case _:
            return events.Spoke(by)


def _at_home(by: events.Speaker, port: int) -> events.Speaker:
    """Whom HELLO registers implicitly is told things at the port that HELLO names."""
    return replace(by, port=port)


def request_id(text: str) -> bytes | None:
    """The 16 bytes of a request id; None for what a record holds that was never one."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return raw if len(raw) == NONCE_SIZE else None


def notices(told: actions.TellNotices, proofs: dict[SystemKey, Proof], now: float) -> list[Notice]:
    """What NOTIFY carries; the age of each is that of its evidence."""
    return [
        Notice(
            notice.about,
            notice.serial,
            STATE_OF[notice.kind],
            proofs.get(notice.about, Proof.NONE),
            max(0.0, now - notice.at),
        )
        for notice in told.notices
    ]


def checkup(checked: actions.TargetCheck) -> Checkup:
    """What CHECK's answer says of one target."""
    doubt = Doubt.NONE
    for wrong, flag in (
        (checked.degraded, Doubt.REDUNDANCY),
        (checked.cannot_reset, Doubt.UNRESETTABLE),
        (checked.unknown, Doubt.UNKNOWN),
    ):
        doubt |= flag if wrong else Doubt.NONE
    return Checkup(checked.target, doubt, checked.proven_age_s)
