"""What the virtual address costs a Trio loop, in namespaces of its own. Root only.

python -m tests.drivers.address.bench
"""

import statistics
import sys
import time
from collections.abc import Callable

import trio
import trio.lowlevel

from fixtures.simulators.namespaces import Namespace, Namespaces
from haconn.drivers.address.announce import Announcer
from haconn.drivers.address.lease import VirtualAddress
from haconn.drivers.address.others import Others
from haconn.drivers.address.packet import open_sender

ROUNDS = 2000
TICK_S = 0.005
VIRTUAL = "10.9.0.3"


def say(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    figures = (statistics.median(ordered), ordered[int(len(ordered) * 0.99)], ordered[-1])
    words = " ".join(f"{figure * 1000:9.3f}" for figure in figures)
    sys.stdout.write(f"{name:28} {words}\n")


async def tick(late: list[float]) -> None:
    """Note how late the loop is."""
    while True:
        due = trio.current_time() + TICK_S
        await trio.sleep_until(due)
        late.append(trio.current_time() - due)


async def lateness(work: Callable[[], None] | None, rounds: int) -> list[float]:
    late: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick, late)
        for _ in range(rounds):
            if work is not None:
                work()
            await trio.sleep(TICK_S)
        nursery.cancel_scope.cancel(reason="enough rounds")
    return late


async def measure(end: Namespace) -> None:
    with end.inside():
        virtual = VirtualAddress(VIRTUAL, 24)
        interface = virtual.find()
        announcer = Announcer("rst", VIRTUAL, virtual.held)
        others = Others(interface, ["10.9.0.2", VIRTUAL])
    with virtual, announcer, others:
        calls: dict[str, Callable[[], object]] = {
            "add": lambda: virtual.hold(1),
            "refresh": lambda: virtual.hold(1),
            "held": virtual.held,
            "announce (2 frames)": announcer.announce_now,
            "sample others": others.sample,
            "ask": lambda: others.ask("10.9.0.11"),
            "drop": virtual.drop,
            "strip": virtual.strip,
        }
        took: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(ROUNDS):
            for name, call in calls.items():
                began = time.perf_counter()
                call()
                took[name].append(time.perf_counter() - began)
            await trio.lowlevel.checkpoint()
        sys.stdout.write(f"{'milliseconds':28} {'median':>9} {'p99':>9} {'worst':>9}\n")
        for name, seconds in took.items():
            say(name, seconds)

        def one_round() -> None:
            virtual.hold(1)
            others.sample()

        say("loop late, idle", await lateness(None, 400))
        say("loop late, with refreshes", await lateness(one_round, 400))
    closings: list[float] = []
    for _ in range(20):
        with end.inside():
            sock = open_sender("rst")
        began = time.perf_counter()
        sock.close()
        closings.append(time.perf_counter() - began)
    say("close of a packet socket", closings)


def main() -> None:
    with Namespaces() as network:
        one, other = network.add("one"), network.add("other")
        network.cable(one, "rst", other, "rst")
        one.give("rst", "10.9.0.1/24")
        other.give("rst", "10.9.0.11/24")
        trio.run(measure, one)


if __name__ == "__main__":
    main()
