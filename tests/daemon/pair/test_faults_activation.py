"""What an activation must not leave to chance: who is heard first, what a journal is worth."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.config import edits
from haconn.config.keys import Owner, fresh_key, new_key
from haconn.config.paths import Paths
from haconn.config.schema import Configuration, ManagedServer
from haconn.core.actions import Remark
from haconn.core.beat import NOBODY
from haconn.core.events import PduSeen, RedundancyIs
from haconn.core.model import Instant, Secret
from haconn.core.pair_state import TakeOver
from haconn.core.role import Proof
from haconn.core.server import Owed, Restore
from haconn.daemon.active import Active
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.journal import Journal
from haconn.daemon.journal_reading import read
from haconn.daemon.pair.copy import StandbyCopy
from haconn.daemon.pair.inherited import inherited, is_of_the_last_active
from haconn.daemon.pair.membership import Taken
from haconn.daemon.parts import build, open_journal, own_heritage
from tests.daemon.pair.members import two_members
from tests.daemon.parts import world


def one_server() -> Configuration:
    """A single management server on the loopback, with one system."""
    now = edits.set_mode(Configuration(), "single").configuration
    path = {"addr": "127.0.0.1", "mask": "255.0.0.0", "port": 39117}
    now = edits.set_reset_path(now, path).configuration
    server = ManagedServer(name="S1", addr="127.0.0.9", account="a", password=Secret("b"))
    now = edits.add_server(now, server).configuration
    now, _, _ = new_key(now, Owner("S1", None), 6001, 1, fresh_key())
    return now


async def test_a_device_that_speaks_in_the_turn_of_the_activation_is_heard_after_the_resumption(
    tmp_path: Path,
) -> None:
    """The peer's BMC is read ten times a second just then: its words must find somebody."""
    trees = Paths(etc=tmp_path, var=tmp_path, run=tmp_path, log=tmp_path)
    chronicle = Chronicle(tmp_path, "en")
    configuration = one_server()
    heritage, mailbox = own_heritage(trees, configuration, {}, chronicle)
    active = Active(build(trees, configuration, heritage, mailbox))
    open_journal(active.parts, tmp_path)
    async with trio.open_nursery() as services:
        active.begin(services)
        mailbox.put(PduSeen("127.0.0.8", reachable=True))
        active.parts.owner.take(RedundancyIs(degraded=False))
        assert active.parts.owner.world.pdus == {"127.0.0.8": True}
        services.cancel_scope.cancel(reason="the test has ended")
    active.close()
    chronicle._syslog.close()


@pytest.mark.parametrize("proof", Proof)
async def test_an_own_journal_is_exact_only_if_the_peer_bears_witness(
    proof: Proof, tmp_path: Path
) -> None:
    """A peer without power may have taken over, had a server reset, and lost its power since."""
    journal = Journal(tmp_path, epoch=5)
    journal.open(world())
    journal.close()
    witnessed = proof in {Proof.PROMISED, Proof.STOPPED}
    assert is_of_the_last_active(read(tmp_path), TakeOver(6, proof)) is witnessed
    assert not is_of_the_last_active(read(tmp_path), TakeOver(7, proof))


@pytest.mark.parametrize(("epoch", "done"), [(6, True), (7, False)])
async def test_what_a_server_owed_before_another_was_active_is_told_and_not_done(
    epoch: int, done: bool, tmp_path: Path
) -> None:
    """The other has carried it out; by now the server may be off because somebody repairs it."""
    owes = world()
    now = Instant(trio.current_time())
    owed = Owed(Restore.POWER_ON, "r-1", now, now)
    owes.put_server(replace(owes.servers["alpha"], owed=(owed,)))
    journal = Journal(tmp_path, epoch=5)
    journal.open(owes)
    journal.close()
    said = list[Remark]()
    trees = Paths(etc=tmp_path, var=tmp_path, run=tmp_path / "run", log=tmp_path)
    taken = Taken(TakeOver(epoch, Proof.POWER_OFF), NOBODY)
    record = inherited(StandbyCopy(), taken, trees, said.append, now)
    assert record.conservative is not None
    assert bool(record.found.servers) is done
    assert [one.message for one in said] == ([] if done else ["restore-failed"])


async def test_the_epoch_is_on_the_disk_before_the_address_is_taken(tmp_path: Path) -> None:
    """A process that had the address and lost its epoch would come back as the one before."""
    async with two_members(tmp_path) as members:
        active, _ = await members.in_step()
        assert active.address.witnessed == active.parts.pair.member.epoch


async def test_a_copy_is_as_exact_as_it_was_unless_the_operator_says_that_the_peer_is_off(
    tmp_path: Path,
) -> None:
    """The operator may be wrong about when: nobody saw what the other did last."""
    async with two_members(tmp_path) as members:
        _, standby = await members.in_step()
        copy = standby.parts.membership.copy
        await standby.until(lambda: copy.is_exact(Instant(trio.current_time())))
        now, said = Instant(trio.current_time()), list[Remark]()
        cautious = {
            proof
            for proof in Proof
            if inherited(
                copy, Taken(TakeOver(2, proof), copy.log), standby.trees, said.append, now
            ).conservative
        }
        assert cautious == {Proof.OPERATOR}


async def test_what_an_active_leaves_says_so_by_itself(tmp_path: Path) -> None:
    """The record in HACONN_RUN goes with the release of the address: after every end, that is."""
    journal = Journal(tmp_path, epoch=5)
    journal.open(world(), wait=False)
    journal.close()
    assert read(tmp_path).epoch == 5


async def test_the_journal_of_a_single_server_is_of_no_active_of_a_pair(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.open(world())
    journal.close()
    assert not is_of_the_last_active(read(tmp_path), TakeOver(1, Proof.STOPPED))


@pytest.mark.parametrize("epoch", ["null", "true", '"5"', "[]"])
async def test_an_epoch_that_is_no_number_is_none(epoch: str, tmp_path: Path) -> None:
    head = f'{{"version": 1, "boot": "b", "epoch": {epoch}}}'
    (tmp_path / "journal").write_text(head, encoding="ascii")
    assert read(tmp_path).epoch == 0
