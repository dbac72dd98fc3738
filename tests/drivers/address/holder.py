"""A process of its own that holds the virtual address until it is killed; or tries what it may.

python -m tests.drivers.address.holder hold|try|try-bare
"""

import sys

import trio

from haconn.drivers.address.announce import Announcer
from haconn.drivers.address.carrier import Carriers
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.lease import VirtualAddress
from haconn.drivers.address.others import Others
from tests.drivers.address.conftest import PREFIX, RESET_PATH, VIRTUAL
from tests.drivers.address.privileges import NET_ADMIN, NET_RAW, become_nobody


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def hold_for_ever() -> None:
    with VirtualAddress(VIRTUAL, PREFIX) as virtual:
        while True:
            virtual.hold(1)
            say("held")
            await trio.sleep(0.25)


async def try_everything() -> None:
    with VirtualAddress(VIRTUAL, PREFIX) as virtual, Carriers() as carriers:
        interface = virtual.find()
        say(f"carrier {carriers.carrier(interface.index)}")
        try:
            virtual.hold(1)
            say(f"held {virtual.held()}")
        except AddressError as error:
            say(str(error))
        try:
            with (
                Announcer(RESET_PATH, VIRTUAL, virtual.held) as announcer,
                Others(interface, ()) as others,
            ):
                say(f"announced {announcer.announce_now()} {announcer.failure}")
                others.sample()
                say(f"asked {others.ask('10.9.0.11')}")
        except AddressError as error:
            say(str(error))
        try:
            say(f"stripped {virtual.strip()}")
        except AddressError as error:
            say(str(error))


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        trio.run(hold_for_ever)
    else:
        become_nobody(*(() if sys.argv[1] == "try-bare" else (NET_ADMIN, NET_RAW)))
        trio.run(try_everything)
