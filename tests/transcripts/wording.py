"""Actions of the core as lines that an operator can read."""

from typing import TypeAlias, assert_never

from haconn.core.actions import (
    Abandon,
    Acknowledge,
    Action,
    Ask,
    BeginRestore,
    Hurry,
    Line,
    Perform,
    Record,
    RecoveryEnded,
    Remark,
    StopRestore,
    TargetCheck,
    TellCheck,
    TellNotices,
    TellResult,
    TestEnded,
)
from haconn.core.events import RequestRecorded, StageRecorded, VerdictRecorded
from haconn.core.messages import MESSAGES
from haconn.core.model import Instant
from haconn.core.reset import Evidence

Ended: TypeAlias = TestEnded | RecoveryEnded


def worded(action: Action, now: Instant) -> str:
    """Give one action as a line."""
    match action:
        case Record():
            return f"record {_recorded(action)}"
        case Line() | Remark():
            return _logged(action)
        case Perform() | Abandon() | Hurry() | BeginRestore() | StopRestore():
            return _doing(action)
        case _:
            return _telling(action, now)


def _telling(
    action: TellResult | TellNotices | TellCheck | Acknowledge | Ask | Ended,
    now: Instant,
) -> str:
    match action:
        case TellResult():
            reason = f", {action.reason}" if action.reason else ""
            said = f"{action.outcome.name}{_evidence(action.evidence)}{reason}"
            age = f"{now - action.at:.3f} s old"
            who = f"{action.requester} id={action.request_id}"
            return f"result to {who}: {action.target} {said}, {age}"
        case TellNotices():
            notices = ", ".join(
                f"#{one.serial % 2**32} {one.about} {one.kind.name} {now - one.at:.3f} s old"
                for one in action.notices
            )
            return f"notify {action.receiver} at {action.address}:{action.port}: {notices}"
        case TellCheck():
            targets = "; ".join(_checked(target) for target in action.targets)
            return f"check reply to {action.key} token={action.token}: {targets}"
        case Ask():
            return f"ask {action.key} at {action.address}:{action.port} whether it lives"
        case Acknowledge():
            return f"acknowledge {action.requester} id={action.request_id}"
        case TestEnded():
            return f"{action.operation} ended: {action.outcome.name}{_evidence(action.evidence)}"
        case RecoveryEnded():
            return f"{action.operation} ended: {action.failure or 'done'}"
        case _:
            assert_never(action)


def _recorded(action: Record) -> str:
    match action.then:
        case StageRecorded(key, operation, stage):
            return f"stage {stage} of {operation} ({key})"
        case RequestRecorded(requester, request_id):
            return f"request {requester} id={request_id}"
        case VerdictRecorded(key, operation):
            return f"verdict of {operation} ({key})"
        case _:
            assert_never(action.then)


def _doing(action: Perform | Abandon | Hurry | BeginRestore | StopRestore) -> str:
    match action:
        case Perform():
            feeds = "".join(f" {feed}" for feed in action.feeds)
            what = f"{action.command.name}{feeds} until {action.deadline:.3f}"
            return f"perform {action.server} {action.operation} stage {action.stage}: {what}"
        case Abandon():
            return f"abandon {action.server} {action.operation}: {action.reason}"
        case Hurry():
            return f"read {action.server} {'often' if action.on else 'as usual'}"
        case BeginRestore():
            feeds = "".join(f" {feed}" for feed in action.feeds)
            return f"restore {action.server} {action.operation}: {action.what.value}{feeds}"
        case StopRestore():
            return f"stop restores of {action.server}"
        case _:
            assert_never(action)


def _logged(action: Line | Remark) -> str:
    if isinstance(action, Remark):
        message = MESSAGES[action.message]
        return f"{message.severity.value}: {message.text(dict(action.values))}"
    fields = [
        action.server,
        action.target,
        "SEND" if action.sent else "RECV",
        action.address,
        action.port,
        action.number,
        *action.fields,
    ]
    shown = " ".join("----" if field is None else str(field) for field in fields)
    return f"log {action.kind.value} {shown}"


def _evidence(evidence: Evidence | None) -> str:
    return "" if evidence is None else f" ({evidence.value})"


def _checked(check: TargetCheck) -> str:
    flags = {
        "degraded": check.degraded,
        "cannot be reset": check.cannot_reset,
        "unknown": check.unknown,
    }
    said = [name for name, on in flags.items() if on] or ["good"]
    age = "never proven" if check.proven_age_s is None else f"proven {check.proven_age_s:.3f} s ago"
    return f"{check.target} {', '.join(said)}, {age}"
