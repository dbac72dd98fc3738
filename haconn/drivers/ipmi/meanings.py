"""What a BMC's status and completion codes mean, one clear sentence each.

The foreign vocabulary is translated here and nowhere else. Codes of IPMI 2.0, table 13-15 (login)
and table 5-2 (completion).
"""

from typing import Final

NO_SUITE_MATCH: Final = frozenset({0x04, 0x05, 0x10, 0x11})
"""Login statuses that mean: not with this cipher suite. ipmi_sim says 0x04, others 0x11."""

NO_FREE_SESSION: Final = frozenset({0x01, 0x0B})
"""Login statuses that mean: all slots are taken."""

REFUSALS: Final = frozenset({*range(0xC0, 0xC3), *range(0xC4, 0xCE), *range(0xD3, 0xD7)})
"""Completion codes that say why a command was not carried out.

After any other one it may have been: the BMC ran out of time or had no answer to give (0xC3, 0xCE,
0xD0 to 0xD2), took it for a repetition of one that it had carried out (0xCF), says that something
went wrong and not what (0xFF), or gives a code of its vendor's.
"""

_LOGIN: Final = {
    0x01: "the BMC has no free session; it frees one when another console logs out or times out",
    0x02: "the BMC does not know the session id of this login",
    0x03: "the BMC calls the payload type of a login message invalid",
    0x04: "the BMC does not offer this authentication algorithm",
    0x05: "the BMC does not offer this integrity algorithm",
    0x06: "the BMC found no matching authentication payload",
    0x07: "the BMC found no matching integrity payload",
    0x08: "the session id of this login is no longer active",
    0x09: "the BMC calls the requested role invalid",
    0x0A: "the account may not be administrator on this channel",
    0x0B: "the BMC has no free session for an administrator; it frees one when another ends",
    0x0C: "the BMC calls the length of the account name invalid",
    0x0D: "the BMC does not know this account, or it may not log in over LAN",
    0x0E: "the BMC calls the GUID of this login invalid",
    0x0F: "the BMC did not accept our proof of the password",
    0x10: "the BMC does not offer this confidentiality algorithm",
    0x11: "the BMC does not offer this cipher suite",
    0x12: "the BMC calls a parameter of the login illegal",
}
_COMPLETION: Final = {
    0xC0: "the BMC is busy",
    0xC1: "the BMC does not know this command",
    0xC2: "the command is invalid for this LUN",
    0xC3: "the BMC ran out of time while it carried the command out",
    0xC4: "the BMC is out of space",
    0xC5: "reservation cancelled or invalid",
    0xC6: "request data truncated",
    0xC7: "the length of the request is invalid",
    0xC8: "the request is longer than allowed",
    0xC9: "a parameter is out of range",
    0xCA: "the BMC cannot return the requested number of bytes",
    0xCB: "the requested sensor, data or record is not present",
    0xCC: "the BMC does not support this (invalid data field)",
    0xCD: "the command is illegal for the sensor or record",
    0xCE: "the BMC could not provide the answer",
    0xCF: "the BMC took it for a duplicate request",
    0xD0: "the sensor data repository is being updated",
    0xD1: "the firmware of the BMC is being updated",
    0xD2: "the BMC is starting",
    0xD3: "the destination inside the BMC is unavailable",
    0xD4: "the privilege level of the session is too low",
    0xD5: "not supported in the present state of the server",
    0xD6: "a part of the command is disabled",
    0xFF: "unspecified error of the BMC",
}
_PRIVILEGE: Final = {  # of Set Session Privilege Level only (IPMI 2.0, table 22-26)
    0x80: "administrator is not available to this account",
    0x81: "administrator exceeds the limit of the account or of the channel",
    0x82: "the privilege level of this session cannot be changed",
}


def login_status(status: int) -> str:
    """Say what a status code of Open Session, RAKP 2 or RAKP 4 means."""
    meaning = _LOGIN.get(status, "a status that IPMI 2.0 does not name")
    return f"{meaning} (status 0x{status:02X})"


def privilege(code: int) -> str:
    """Say why the session was not made an administrator's."""
    return f"0x{code:02X} {_PRIVILEGE[code]}" if code in _PRIVILEGE else completion(code)


def completion(code: int) -> str:
    """Say what a completion code means: `0xD5 not supported in the present state of the server`."""
    return f"0x{code:02X} {_COMPLETION.get(code, 'a completion code that IPMI 2.0 does not name')}"
