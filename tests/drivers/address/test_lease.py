"""The virtual address in a real kernel."""

import errno

import pytest
import trio

from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.kernel import Kernel
from haconn.drivers.address.lease import SETTINGS, VirtualAddress
from haconn.drivers.address.rtnetlink import DUMP, GET_LINK, REQUEST, Address, ask_link, encode
from tests.drivers.address.conftest import PREFIX, RESET_PATH, VIRTUAL, Lan

PATIENCE_S = 15


def opened(lan: Lan) -> VirtualAddress:
    with lan.server.inside():
        return VirtualAddress(VIRTUAL, PREFIX)


def promote(lan: Lan, setting: str) -> None:
    with lan.server.inside():
        (SETTINGS / RESET_PATH / "promote_secondaries").write_text(setting, encoding="ascii")


async def until_gone(virtual: VirtualAddress) -> float:
    """Give the seconds it took."""
    began = trio.current_time()
    with trio.fail_after(PATIENCE_S):
        while virtual.held():  # noqa: ASYNC110
            await trio.sleep(0.01)
    return trio.current_time() - began


async def test_address_is_there_when_held_and_gone_when_dropped(lan: Lan) -> None:
    with opened(lan) as virtual:
        assert not virtual.held()
        virtual.hold(5)
        assert virtual.held()
        assert "10.9.0.3/32" in lan.server.ip("address", "show", "dev", RESET_PATH)
        virtual.drop()
        assert not virtual.held()
        assert "10.9.0.1/24" in lan.server.ip("address", "show", "dev", RESET_PATH)


async def test_what_was_never_held_or_is_gone_already_is_dropped_without_an_error(lan: Lan) -> None:
    with opened(lan) as virtual:
        virtual.drop()
        virtual.hold(5)
        virtual.drop()
        virtual.drop()
        assert not virtual.held()


async def test_lease_ends_by_itself(lan: Lan) -> None:
    with opened(lan) as virtual:
        virtual.hold(1)
        assert await until_gone(virtual) < 3  # 1.01 to 1.17 s on an idle machine


async def test_change_of_another_lifetime_puts_the_end_off_by_a_second_at_most(lan: Lan) -> None:
    with opened(lan) as virtual:
        virtual.hold(1)
        await trio.sleep(0.7)
        lan.server.ip(
            *("address", "replace", "10.8.0.1/24", "dev", "lo"),
            *("valid_lft", "300", "preferred_lft", "300"),
        )
        assert await until_gone(virtual) < 3


async def test_refreshes_keep_it(lan: Lan) -> None:
    with opened(lan) as virtual:
        until = trio.current_time() + 4
        while trio.current_time() < until:
            virtual.hold(2)  # not 1: a loaded machine may be late by more than that
            assert virtual.held()
            await trio.sleep(0.25)
        assert virtual.held()


async def test_hold_makes_a_lease_of_an_address_without_an_end(lan: Lan) -> None:
    lan.server.give(RESET_PATH, f"{VIRTUAL}/32")
    with opened(lan) as virtual:
        virtual.hold(1)
        await until_gone(virtual)


async def test_end_of_the_lease_takes_no_other_address_along(lan: Lan) -> None:
    """It would, were it a /24 that was there first."""
    with opened(lan) as virtual:
        virtual.hold(1)
        lan.server.ip("address", "delete", "10.9.0.1/24", "dev", RESET_PATH)
        virtual.hold(1)
        lan.server.give(RESET_PATH, "10.9.0.1/24")
        await until_gone(virtual)
        assert "10.9.0.1/24" in lan.server.ip("address", "show", "dev", RESET_PATH)


async def test_refresh_needs_no_address_of_our_own(lan: Lan) -> None:
    with opened(lan) as virtual:
        virtual.hold(5)
        lan.server.ip("address", "delete", "10.9.0.1/24", "dev", RESET_PATH)
        virtual.hold(5)
        assert virtual.held()


async def test_refreshes_go_on_while_the_interface_is_down(lan: Lan) -> None:
    with opened(lan) as virtual:
        virtual.hold(5)
        lan.server.down(RESET_PATH)
        virtual.hold(5)
        assert virtual.held()
        lan.server.up(RESET_PATH)
        virtual.hold(5)
        assert virtual.held()


async def test_interface_that_is_made_anew_is_found_again(lan: Lan) -> None:
    with opened(lan) as virtual:
        virtual.hold(5)
        before = virtual.find()
        lan.server.ip("link", "delete", RESET_PATH)
        assert not virtual.held()
        with pytest.raises(AddressError, match="no interface has an address of its own"):
            virtual.hold(5)
        lan.server.ip("link", "add", RESET_PATH, "type", "veth", "peer", "name", "far")
        lan.server.give(RESET_PATH, "10.9.0.1/24")
        virtual.hold(5)
        assert virtual.held()
        assert virtual.find().index != before.index


async def test_interface_is_the_one_with_our_own_address_in_the_network(lan: Lan) -> None:
    lan.server.ip("link", "add", "other", "type", "veth", "peer", "name", "far")
    lan.server.give("other", "10.7.0.1/24")
    lan.server.give("lo", "10.9.0.77/32")
    lan.server.give(RESET_PATH, "10.9.0.99/32")  # a virtual address of something else
    with opened(lan) as virtual:
        found = virtual.find()
    assert (found.name, found.address) == (RESET_PATH, "10.9.0.1")


async def test_several_interfaces_in_the_network_are_one_line(lan: Lan) -> None:
    lan.server.ip("link", "add", "other", "type", "veth", "peer", "name", "far")
    lan.server.give("other", "10.9.0.50/24")
    with opened(lan) as virtual, pytest.raises(AddressError) as caught:
        virtual.hold(1)
    assert str(caught.value) == (
        "10.9.0.3: several interfaces have an address in 10.9.0.0/24:"
        " other (10.9.0.50), rst (10.9.0.1)"
    )


async def test_no_interface_in_the_network_is_one_line(lan: Lan) -> None:
    with lan.server.inside():
        virtual = VirtualAddress("10.6.0.3", 24)
    with virtual, pytest.raises(AddressError) as caught:
        virtual.hold(1)
    line = "10.6.0.3: no interface has an address of its own in 10.6.0.0/24"
    assert str(caught.value) == line


async def test_strip_takes_it_off_every_interface_whatever_its_prefix(lan: Lan) -> None:
    lan.server.ip("link", "add", "other", "type", "veth", "peer", "name", "far")
    lan.server.give("other", f"{VIRTUAL}/24")
    lan.server.give("lo", f"{VIRTUAL}/32")
    with opened(lan) as virtual:
        virtual.hold(60)
        with lan.server.inside():
            assert set(virtual.strip()) == {"other", "lo", RESET_PATH}
            assert virtual.strip() == ()
        assert not virtual.held()
        assert VIRTUAL not in lan.server.ip("address", "show")
        assert "10.9.0.1/24" in lan.server.ip("address", "show", "dev", RESET_PATH)


async def test_strip_removes_nothing_where_others_would_go_along(lan: Lan) -> None:
    lan.server.ip("address", "flush", "dev", RESET_PATH)
    lan.server.give(RESET_PATH, f"{VIRTUAL}/24")
    lan.server.give(RESET_PATH, "10.9.0.1/24")
    promote(lan, "0")
    with opened(lan) as virtual, lan.server.inside():
        with pytest.raises(AddressError) as caught:
            virtual.strip()
        assert str(caught.value) == (
            "10.9.0.3: cannot be taken off rst without 10.9.0.1:"
            " remove 10.9.0.3/24 from the system's own configuration"
        )
        assert virtual.held()
        promote(lan, "1")
        assert virtual.strip() == (RESET_PATH,)
        assert "10.9.0.1/24" in lan.server.ip("address", "show", "dev", RESET_PATH)


async def test_answers_of_an_earlier_call_are_not_taken_for_those_of_a_later(lan: Lan) -> None:
    with lan.server.inside():
        kernel = Kernel()
    kernel._socket.send(encode(GET_LINK, REQUEST | DUMP, 4711, ask_link()))
    assert [row.local for row in kernel.addresses()] == ["127.0.0.1", "10.9.0.1"]
    assert kernel.link(9999) is None
    with pytest.raises(OSError, match="No such device") as caught:
        kernel.put(Address(9999, VIRTUAL, 32, VIRTUAL), 1)
    assert caught.value.errno == errno.ENODEV
    assert [link.name for link in kernel.links()] == ["lo", RESET_PATH]
    kernel.close()
