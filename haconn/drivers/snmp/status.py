"""What an agent's error-status means to whoever wanted to switch an outlet (RFC 3416, 4.2.5).

A refusal is definite: an agent that refuses changes nothing. Three answers are in doubt:
undoFailed, where the agent itself does not know; genErr, which stands for undoFailed in SNMPv1
(RFC 3584, 4.4); and a status that no RFC names.
"""

from typing import Final

from haconn.core.model import Accepted, Answer, InDoubt, Refused

NO_ERROR: Final = 0
TOO_BIG: Final = 1
NO_SUCH_NAME: Final = 2
IN_DOUBT: Final = frozenset({5, 15})

TABLE = "the table of this PDU model does not fit the PDU"
RIGHTS = "the SNMP community may not switch outlets"
BUSY = "the PDU cannot do it now; it may be asked again"
NO_OUTLET = "the PDU has no such outlet, or its model is another one"
MEANINGS = {
    1: ("tooBig", "the PDU cannot take a request of this size"),
    # SNMPv1 says so too when the community may not write (RFC 1157, 4.1.5)
    2: ("noSuchName", f"{NO_OUTLET}, or {RIGHTS}"),
    3: ("badValue", TABLE),
    4: ("readOnly", RIGHTS),
    5: ("genErr", BUSY),
    6: ("noAccess", RIGHTS),
    7: ("wrongType", TABLE),
    8: ("wrongLength", TABLE),
    9: ("wrongEncoding", TABLE),
    10: ("wrongValue", TABLE),
    11: ("noCreation", NO_OUTLET),
    12: ("inconsistentValue", "the outlet is locked or busy; it may be asked again"),
    13: ("resourceUnavailable", BUSY),
    14: ("commitFailed", BUSY),
    15: ("undoFailed", "the PDU failed half-way; only a read tells the state"),
    16: ("authorizationError", RIGHTS),
    17: ("notWritable", RIGHTS),
    18: ("inconsistentName", NO_OUTLET),
}


def explain(status: int) -> str:
    """Give an error-status other than noError as its name and one sentence."""
    if status not in MEANINGS:
        return f"error-status {status}: unknown to RFC 3416"
    name, meaning = MEANINGS[status]
    return f"{name}: {meaning}"


def answer_to_set(status: int) -> Answer:
    """Say what the answer to a SET is worth. noError is an answer, not an effect."""
    if status == NO_ERROR:
        return Accepted()
    if status in IN_DOUBT or status not in MEANINGS:
        return InDoubt(explain(status))
    return Refused(explain(status))
