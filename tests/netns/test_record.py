"""The recorder hears what a server sends to its peer, and can say all of it again."""

import socket

import trio
import trio.testing

from fixtures.simulators.netns.inside import inside
from fixtures.simulators.netns.record import recording
from fixtures.simulators.netns.stage import Lan, Stage, ip, member_address

PORT = 31000


async def test_what_was_sent_arrives_once_more(stage: Stage) -> None:
    with inside(stage.namespace("m1")):
        mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside(stage.namespace("m2")):
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to = member_address(Lan.DUPLEX, "m2")
    with mouth, ear, recording(stage, "m1", Lan.DUPLEX, PORT) as recorder:
        ear.bind((to, PORT))
        ear.settimeout(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recorder.serve)
            mouth.sendto(b"not meant", (to, PORT + 1))
            mouth.sendto(b"meant", (to, PORT))
            assert ear.recv(99) == b"meant"
            while not recorder.frames:
                await trio.lowlevel.checkpoint()
            recorder.replay(recorder.frames)
            assert ear.recv(99) == b"meant"
            nursery.cancel_scope.cancel(reason="heard")
    assert len(recorder.frames) >= 1


async def test_a_server_that_loses_its_power_does_not_end_the_record(stage: Stage) -> None:
    namespace = stage.namespace("m1")
    with inside(namespace):
        mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with mouth, recording(stage, "m1", Lan.DUPLEX, PORT) as recorder:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recorder.serve)
            ip(["link set dup down"], namespace)
            await trio.testing.wait_all_tasks_blocked()
            ip(["link set dup up"], namespace)
            with trio.fail_after(10):
                while not recorder.frames:
                    mouth.sendto(b"meant", (member_address(Lan.DUPLEX, "m2"), PORT))
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel(reason="heard")
