"""Asking a real link whether an address is taken."""

from pathlib import Path

import pytest
import trio

from haconn.drivers.address import frame
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.packet import (
    BROADCAST,
    ETHERTYPE_ARP,
    hardware_address,
    only_from,
    open_receiver,
    open_sender,
)
from haconn.drivers.address.probe import probe
from tests.drivers.address.conftest import RESET_PATH, VIRTUAL, Lan

PATIENCE_S = 15
SILENCE_S = 0.6


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def asked(lan: Lan, address: str) -> str:
    """A socket is opened at the first step of the probe, and no other task is there to disturb."""
    with lan.server.inside():
        return await probe(RESET_PATH, address)


async def test_address_that_is_taken_answers_with_its_hardware_address(lan: Lan) -> None:
    with lan.neighbour.inside(), open_sender(RESET_PATH) as sock:
        owner = hardware_address(sock)
    with trio.fail_after(PATIENCE_S):
        assert await asked(lan, "10.9.0.11") == owner.hex(":")


async def test_free_address_stays_silent_and_nothing_is_left_open(lan: Lan) -> None:
    before = open_files()
    with trio.move_on_after(SILENCE_S) as scope:
        await asked(lan, "10.9.0.200")
    assert scope.cancelled_caught
    assert open_files() == before


async def test_address_that_this_machine_has_itself_is_not_taken(lan: Lan) -> None:
    lan.server.give(RESET_PATH, f"{VIRTUAL}/32")
    with trio.move_on_after(SILENCE_S) as scope:
        await asked(lan, VIRTUAL)
    assert scope.cancelled_caught


async def test_our_own_frame_come_back_is_no_answer(lan: Lan) -> None:
    with lan.server.inside(), open_sender(RESET_PATH) as sock:
        own = hardware_address(sock)
    to_all = (RESET_PATH, ETHERTYPE_ARP, 1, 1, BROADCAST)
    reply = frame.encode(frame.Arp(frame.REPLY, own, VIRTUAL, own, VIRTUAL))

    async def echo() -> None:
        with lan.neighbour.inside():
            sender = open_sender(RESET_PATH)
        with sender:
            while True:
                sender.sendto(reply, to_all)
                await trio.sleep(0.05)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        with trio.move_on_after(SILENCE_S) as scope:
            await asked(lan, VIRTUAL)
        nursery.cancel_scope.cancel(reason="seen long enough")
    assert scope.cancelled_caught


async def test_probe_names_no_sender_so_that_no_cache_is_changed(lan: Lan) -> None:
    with lan.neighbour.inside():
        ear = open_receiver(RESET_PATH, ETHERTYPE_ARP, only_from(ETHERTYPE_ARP, frame.NO_ADDRESS))
    with ear:
        with trio.move_on_after(SILENCE_S):
            await asked(lan, VIRTUAL)
        heard = frame.parse(ear.recv(256))
    assert heard is not None
    assert (heard.sender, heard.target) == (frame.NO_ADDRESS, VIRTUAL)


async def test_probe_that_cannot_be_sent_is_an_error_and_no_silence(lan: Lan) -> None:
    lan.server.down(RESET_PATH)
    with trio.fail_after(PATIENCE_S), pytest.raises(AddressError) as caught:
        await asked(lan, VIRTUAL)
    assert str(caught.value) == "raw frames on rst: Network is down"
