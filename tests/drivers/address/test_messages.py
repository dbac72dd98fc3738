"""What comes off a socket, octet by octet: rtnetlink and ARP."""

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.drivers.address import frame, rtnetlink
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.rtnetlink import Address

ipv4 = st.binary(min_size=4, max_size=4).map(socket.inet_ntoa)
hardware = st.binary(min_size=6, max_size=6)
sixteen = st.integers(0, 0xFFFF)
messages = st.tuples(sixteen, sixteen, st.integers(0, 0xFFFFFFFF), st.binary(max_size=50))


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused_in_one_way(octets: bytes) -> None:
    for read in (rtnetlink.parse_address, rtnetlink.parse_link, rtnetlink.parse_code):
        with contextlib.suppress(AddressError):
            read(octets)
    with contextlib.suppress(AddressError):
        list(rtnetlink.split(octets))


@given(st.lists(messages, max_size=5))
def test_messages_of_one_datagram_are_told_apart(
    written: list[tuple[int, int, int, bytes]],
) -> None:
    datagram = b""
    for message in written:
        datagram += rtnetlink.encode(*message)
        datagram += bytes(-len(datagram) % 4)
    read = [(m.kind, m.flags, m.sequence, m.body) for m in rtnetlink.split(datagram)]
    assert read == written


@given(st.integers(1, 0xFFFF), ipv4, st.integers(0, 32), ipv4, st.one_of(st.none(), sixteen))
def test_address_that_is_written_is_read(
    index: int, local: str, prefix: int, remote: str, lease_s: int | None
) -> None:
    address = Address(index, local, prefix, remote)
    assert rtnetlink.parse_address(rtnetlink.encode_address(address, lease_s)) == address


def test_address_of_the_other_family_is_passed_over() -> None:
    body = bytearray(rtnetlink.encode_address(Address(1, "10.0.0.1", 24, "10.0.0.1")))
    body[0] = socket.AF_INET6
    assert rtnetlink.parse_address(bytes(body)) is None


@pytest.mark.parametrize("octets", [b"\0" * 15, b"\x0f" + b"\0" * 15, b"\x11" + b"\0" * 15])
def test_message_that_does_not_fit_its_datagram_is_refused(octets: bytes) -> None:
    with pytest.raises(AddressError, match="netlink"):
        list(rtnetlink.split(octets))


@given(st.binary(max_size=64))
def test_any_octets_are_arp_or_not(octets: bytes) -> None:
    heard = frame.parse(octets)
    if heard is not None:
        assert octets.startswith(frame.encode(heard))


@given(sixteen, hardware, ipv4, hardware, ipv4, st.binary(max_size=18))
def test_arp_that_is_written_is_read_padding_or_not(
    operation: int, source: bytes, sender: str, target_hardware: bytes, target: str, padding: bytes
) -> None:
    arp = frame.Arp(operation, source, sender, target_hardware, target)
    assert frame.parse(frame.encode(arp) + padding) == arp


def test_announcement_is_octet_for_octet_what_the_documents_say() -> None:
    asked, answered = frame.announcement(bytes.fromhex("020000000001"), "10.9.0.3")
    head = "0001080006040001" + "020000000001" + "0a090003"
    assert asked.hex() == head + "000000000000" + "0a090003"
    assert answered.hex() == head.replace("040001", "040002") + "ffffffffffff" + "0a090003"
