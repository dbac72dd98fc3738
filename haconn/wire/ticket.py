"""DUMP_NOTIFY under the dump ticket: what a dying kernel says.

The datagram is constant for a boot, so it can be made while the system is healthy and sent by
the simplest of code. Ticket and datagram are secrets of that boot.
"""

from haconn.wire.codes import Type
from haconn.wire.fields import encode_boot
from haconn.wire.frame import Frame, seal
from haconn.wire.keys import Key, derive, dump_ticket
from haconn.wire.payloads import BootOnly


def ticket_for(key: Key, boot_id: str) -> bytes:
    """The 16 bytes to be left with the kernel. Raises WireError if the boot id is none."""
    return dump_ticket(derive(key.master), encode_boot(boot_id))


def dump_notice(key_id: int, ticket: bytes, boot_id: str) -> bytes:
    """The finished datagram, made without the key. Raises WireError."""
    payload = BootOnly(boot_id).encode()
    session = encode_boot(boot_id)
    return seal(ticket, Frame(Type.DUMP_NOTIFY, key_id, key_id >> 8, session, 0, 0, payload))
