"""The plays of `nox -s netns`. Each ends in a healed pair, and the same invariants for all.

Times are those of the design (core/pair_times.py) with room for a loaded machine: the figures
that are promised are measured by the bench, not here.
"""

from fixtures.simulators.netns.cuts import Way
from fixtures.simulators.netns.stage import Lan
from tests.netns.deeds import (
    Alarms,
    At,
    Command,
    CutLans,
    Deed,
    Expectation,
    FillDisk,
    Freeze,
    Kill,
    LoseEpoch,
    LostPower,
    LyingBmc,
    Mend,
    NobodyServes,
    Panic,
    Part,
    PowerOff,
    Replay,
    Resets,
    Scenario,
    SecondProcess,
    Serves,
    SilenceBmc,
    SilencePdus,
    SlowBmc,
    StartUnit,
    Stays,
    StopUnit,
    Who,
)

TAKEOVER = ("haconnact", "takeover", "--peer-is-off", "{peer}")
ACTIVE, STANDBY = Who.ACTIVE, Who.STANDBY
SOON_S = 6.0
"""A takeover with a BMC that reads off at once, twice over."""
PDU_S = 20.0
"""The same through the PDU: `timeout` of the management server, cut, two reads."""
AWHILE_S = 8.0
"""Longer than any takeover that needs no BMC boot."""
BOTH_ON = (LostPower(ACTIVE, lost=False), LostPower(STANDBY, lost=False))


def play(
    name: str, *deeds: tuple[float, Deed], expects: tuple[Expectation, ...], **more: int
) -> Scenario:
    """A scenario in one expression."""
    return Scenario(name=name, deeds=tuple(At(*one) for one in deeds), expects=expects, **more)


def cut_alone() -> tuple[Scenario, ...]:
    """Each LAN alone, on either side: nothing moves."""
    return tuple(
        play(
            f"{lan.value} of {who.value} cut",
            (0.0, CutLans(who, (lan,))),
            expects=(Stays(ACTIVE, AWHILE_S), *BOTH_ON),
        )
        for lan in Lan
        for who in Who
    )


def one_way() -> tuple[Scenario, ...]:
    """One direction between the two, on all three LANs."""
    return tuple(
        play(
            f"all LANs of {who.value}: {way.value} is lost",
            (0.0, CutLans(who, ways=(way,))),
            expects=expects,
        )
        for who, way, expects in (
            (ACTIVE, Way.FROM, (Serves(STANDBY, SOON_S), LostPower(ACTIVE, lost=True))),
            (ACTIVE, Way.TO, (LostPower(STANDBY, lost=False),)),
            (STANDBY, Way.FROM, (Stays(ACTIVE, AWHILE_S), *BOTH_ON)),
            (STANDBY, Way.TO, (Stays(ACTIVE, AWHILE_S), *BOTH_ON)),
        )
    )


DEATHS = (
    play("daemon killed", (0.0, Kill(ACTIVE)), expects=(Serves(STANDBY, SOON_S), *BOTH_ON)),
    play("standby killed", (0.0, Kill(STANDBY)), expects=(Stays(ACTIVE, AWHILE_S), *BOTH_ON)),
    play("daemon stopped", (0.0, Freeze(ACTIVE)), expects=(Serves(STANDBY, SOON_S),)),
    play(
        "dead machine",
        (0.0, Panic(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), LostPower(ACTIVE, lost=True)),
    ),
    play(
        "dead machine with a slow BMC",
        (0.0, SlowBmc(ACTIVE, 3.0)),
        (0.1, Panic(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S + 6.0), LostPower(ACTIVE, lost=True)),
    ),
    play(
        "dead machine with a silent BMC",
        (0.0, SilenceBmc(ACTIVE)),
        (0.1, Panic(ACTIVE)),
        expects=(Serves(STANDBY, PDU_S), LostPower(ACTIVE, lost=True)),
    ),
    play(
        "dead machine with a lying BMC",
        (0.0, LyingBmc(ACTIVE)),
        (0.1, Panic(ACTIVE)),
        expects=(Serves(STANDBY, PDU_S), LostPower(ACTIVE, lost=True)),
    ),
    play(
        "dead machine that nobody can prove off",
        (0.0, SilenceBmc(ACTIVE)),
        (0.0, SilencePdus()),
        (0.1, Panic(ACTIVE)),
        expects=(NobodyServes(1.0, PDU_S), LostPower(ACTIVE, lost=False)),
    ),
    play(
        "dead machine, and the operator says that it is off",
        (0.0, SilenceBmc(ACTIVE)),
        (0.0, SilencePdus()),
        (0.1, PowerOff(ACTIVE)),
        (6.0, Command(STANDBY, TAKEOVER, again_for_s=PDU_S)),
        expects=(Serves(STANDBY, PDU_S + SOON_S),),
    ),
    play("plug pulled", (0.0, PowerOff(ACTIVE)), expects=(Serves(STANDBY, SOON_S),)),
)
ORDERS = (
    play("unit stopped", (0.0, StopUnit(ACTIVE)), expects=(Serves(STANDBY, SOON_S), *BOTH_ON)),
    play(
        "haconnact restart",
        (0.0, Command(ACTIVE, ("haconnact", "restart"))),
        expects=(Serves(STANDBY, SOON_S), *BOTH_ON),
    ),
    play(
        "haconnsby restart during resets",
        (0.0, Resets()),
        (0.3, Command(ACTIVE, ("haconnsby", "restart"))),
        expects=(Stays(ACTIVE, AWHILE_S), *BOTH_ON),
        managed=6,
    ),
    play(
        "the operator may not take over while the active is heard",
        (0.0, Command(STANDBY, TAKEOVER, status=1)),
        expects=(Stays(ACTIVE, 2.0), *BOTH_ON),
    ),
    play(
        "lone start after an orderly stop of both",
        (0.0, StopUnit(STANDBY)),
        (3.0, StopUnit(ACTIVE)),
        (6.0, StartUnit(ACTIVE)),
        expects=(Serves(ACTIVE, 20.0), *BOTH_ON),
    ),
    play(
        "lone start without a record",
        (0.0, SilenceBmc(ACTIVE)),
        (0.0, SilencePdus()),
        (0.1, StopUnit(STANDBY)),
        (3.0, Panic(ACTIVE)),
        (3.5, StartUnit(STANDBY)),
        expects=(NobodyServes(1.0, PDU_S), Alarms(STANDBY, "", 20.0)),
    ),
)
CUTS = (
    *cut_alone(),
    *one_way(),
    play(
        "standby cut off from everything",
        (0.0, CutLans(STANDBY)),
        expects=(Stays(ACTIVE, PDU_S), *BOTH_ON),
    ),
    play(
        "active cut off from everything, its BMC reachable",
        (0.0, CutLans(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), LostPower(ACTIVE, lost=True)),
    ),
    play(
        "all links between the two cut, BMC reachable",
        (0.0, Part()),
        expects=(Serves(STANDBY, SOON_S), LostPower(ACTIVE, lost=True)),
    ),
    play(
        "all links between the two cut, BMC silent",
        (0.0, SilenceBmc(ACTIVE)),
        (0.1, Part()),
        expects=(Serves(STANDBY, PDU_S), LostPower(ACTIVE, lost=True)),
    ),
    play(
        "all links between the two cut, BMC and PDUs silent",
        (0.0, SilenceBmc(ACTIVE)),
        (0.0, SilencePdus()),
        (0.1, Part()),
        expects=(Stays(ACTIVE, PDU_S), Alarms(STANDBY, "", PDU_S), *BOTH_ON),
    ),
    play(
        "two of three links between the two cut",
        (0.0, Part((Lan.DUPLEX, Lan.RESET))),
        (4.0, Mend()),
        (5.0, Part((Lan.DUPLEX, Lan.MANAGEMENT))),
        (9.0, Mend()),
        (10.0, Part((Lan.RESET, Lan.MANAGEMENT))),
        expects=(Stays(ACTIVE, AWHILE_S), *BOTH_ON),
    ),
    play(
        "active cut off, BMC and PDUs silent",
        (0.0, SilenceBmc(ACTIVE)),
        (0.0, SilencePdus()),
        (0.1, CutLans(ACTIVE)),
        expects=(NobodyServes(1.0, PDU_S), *BOTH_ON),
    ),
)
MISHAPS = (
    play(
        "a second process by hand",
        (0.0, SecondProcess(ACTIVE, own_state=False)),
        (1.0, SecondProcess(STANDBY, own_state=False)),
        expects=(Stays(ACTIVE, 3.0), *BOTH_ON),
    ),
    play(
        "a second process with a state of its own",
        (0.0, SecondProcess(ACTIVE, own_state=True)),
        (1.0, SecondProcess(STANDBY, own_state=True)),
        expects=(Stays(ACTIVE, 3.0), *BOTH_ON),
    ),
    play(
        "lost epoch file of the active",
        (0.0, LoseEpoch(ACTIVE)),
        (0.1, Kill(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), *BOTH_ON),
    ),
    play(
        "lost epoch file of the standby",
        (0.0, LoseEpoch(STANDBY)),
        (0.1, Kill(STANDBY)),
        (8.0, Kill(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), *BOTH_ON),
    ),
    play(
        "disk of the standby full",
        (0.0, FillDisk(STANDBY)),
        (0.5, Kill(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), *BOTH_ON),
    ),
    play(
        "disk of the active full during resets",
        (0.0, FillDisk(ACTIVE)),
        (0.5, Resets()),
        expects=(Stays(ACTIVE, AWHILE_S), *BOTH_ON),
    ),
    play(
        "everything replayed after a restart",
        (0.0, Command(ACTIVE, ("haconnact", "restart"))),
        (8.0, Replay(ACTIVE)),
        expects=(Stays(STANDBY, AWHILE_S), *BOTH_ON),
    ),
    play(
        "everything replayed while the active works",
        (0.0, Kill(ACTIVE)),
        (8.0, Command(STANDBY, ("haconnact", "restart"))),
        (16.0, Replay(ACTIVE)),
        (16.1, Replay(STANDBY)),
        expects=(Stays(ACTIVE, AWHILE_S), *BOTH_ON),
    ),
)
RESETS = (
    play(
        "daemon killed with resets in flight",
        (0.0, Resets()),
        (0.5, Kill(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), *BOTH_ON),
        managed=8,
    ),
    play(
        "dead machine with resets in flight",
        (0.0, Resets()),
        (0.5, Panic(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), LostPower(ACTIVE, lost=True)),
        managed=8,
    ),
    play(
        "unit stopped with resets in flight",
        (0.0, Resets()),
        (0.5, StopUnit(ACTIVE)),
        expects=(Serves(STANDBY, SOON_S), *BOTH_ON),
        managed=8,
    ),
    play(
        "duplex LAN cut, then killed, with resets in flight",
        (0.0, CutLans(ACTIVE, (Lan.DUPLEX,))),
        (0.5, Resets()),
        (1.0, Kill(ACTIVE)),
        (6.0, Mend()),
        expects=(Serves(STANDBY, SOON_S), *BOTH_ON),
        managed=8,
    ),
)
SCENARIOS = (*DEATHS, *ORDERS, *CUTS, *MISHAPS, *RESETS)
