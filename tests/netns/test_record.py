"""The recorder hears what a server sends to its peer, and can say all of it again."""

import socket

import trio

from fixtures.simulators.netns.inside import inside
from fixtures.simulators.netns.record import recording
from fixtures.simulators.netns.stage import Lan, Stage, member_address

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
