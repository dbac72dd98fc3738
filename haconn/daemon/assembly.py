"""From a configuration to the values that core, wire and drivers are made of.

config and wire do not know each other, and neither knows the drivers: this is where they meet.
"""

from collections.abc import Mapping

from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration, KeyEntry, ManagedServer, PduEntry
from haconn.core.model import Instant, SystemKey
from haconn.core.plan import T_HARD_WITHOUT_OUTLETS_S, T_SOFT_S, Policy, Proof
from haconn.core.world import Settings
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.snmp.device import Pdu, PduAddress
from haconn.wire.keys import Key

SUITES: Mapping[str | int, tuple[int, ...]] = {"auto": (17, 3), 17: (17,), 3: (3,)}


def settings_of(
    configuration: Configuration,
    run_name: str,
    peer: Policy | None = None,
    conservative_until: Instant | None = None,
) -> Settings:
    """What the core has to know; `peer` is the other management server of a pair."""
    timers = configuration.timers
    policies = {server.name: _policy(configuration, server) for server in configuration.pservers}
    if peer is not None:
        policies[peer.server] = peer
    return Settings(
        policies,
        timers.bmc_poll_ms / 1000,
        timers.pdu_poll_ms / 1000,
        gated=configuration.mode == "pair",
        conservative_until=conservative_until,
        run_name=run_name,
    )


def _policy(configuration: Configuration, server: ManagedServer) -> Policy:
    hispeed_ms = configuration.timers.hispeed_ms
    soft_s = T_SOFT_S if hispeed_ms is None else hispeed_ms / 1000
    waits = server.fence_kdump and server.dumpwait is not None
    hard_s = T_HARD_WITHOUT_OUTLETS_S if server.timeout is None else float(server.timeout)
    return Policy(
        server.name,
        soft_s=float(server.dumpwait) if waits and server.dumpwait is not None else soft_s,
        outlets=server.ipdusd,
        hard_s=hard_s,
        recovery_s=float(server.recoverytime or 0),
        feeds=server.feeds,
        proof=Proof(server.proof),
        hedge=server.hedge,
        fence_kdump=server.fence_kdump,
        kdump_from=frozenset(server.kdump_from),
        cluster=server.cluster,
    )


def bindings_of(keys: tuple[KeyEntry, ...]) -> dict[SystemKey, str]:
    """Which system is on which physical server: the table of systems."""
    return {entry.system: entry.server for entry in keys if entry.vm is None}


def wire_keys(keys: tuple[KeyEntry, ...]) -> list[Key]:
    """The keys of physical servers, as the reset path takes them."""
    return [
        Key(
            id=entry.id,
            generation=entry.generation,
            master=entry.key,
            server=entry.server,
            vm="",
            port=entry.port,
            number=entry.number,
        )
        for entry in keys
        if entry.vm is None
    ]


def bmc_address(server: ManagedServer) -> BmcAddress:
    """Where a server's BMC is. Raises ValueError for what the configuration has refused before."""
    return BmcAddress(
        server.addr, server.bmcport, server.account, server.password, SUITES[server.suite]
    )


def pdu_of(configuration: Configuration, entry: PduEntry, models: Mapping[str, PduModel]) -> Pdu:
    """The driver of a PDU. Raises KeyError for a model that the table does not have."""
    address = PduAddress(entry.addr, entry.port, configuration.community, entry.version)
    return Pdu(address, models[entry.model])
