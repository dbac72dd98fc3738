"""What the tests of PDUs share: models, addresses, and a driver that looks at a simulated PDU."""

from collections.abc import Sequence

from haconn.config.pdu_model import PduModel, Version
from haconn.config.pdu_models import load_pdu_models
from haconn.core.model import Power, Secret
from haconn.drivers.snmp import Layout, Pdu, PduAddress

MODELS = load_pdu_models()
MODEL_OF = {
    "ibm-old": "IBM_PDU",
    "ibm-new": "IBM_PDU",
    "apc-rpdu": "APC_RPDU",
    "apc-rpdu2": "APC_RPDU2",
}
COMMUNITY = "private"


def driver(
    host: str,
    port: int,
    model: PduModel | str = "IBM_PDU",
    version: Version | None = "2c",
    community: str = COMMUNITY,
) -> Pdu:
    """Make the driver of the PDU at an address."""
    table = MODELS[model] if isinstance(model, str) else model
    return Pdu(PduAddress(host, port, Secret(community), version), table)


async def states_of(pdu: Pdu, layout: Layout, outlets: Sequence[str]) -> dict[str, Power]:
    """Read the state of outlets, and nothing else of the answer."""
    return {outlet: one.power for outlet, one in (await pdu.read(layout, outlets)).items()}


def never() -> None:
    """Stand where `sent` must not be called."""
    raise AssertionError("a datagram left")


def whenever() -> None:
    """Stand where nobody asks whether the datagram left."""
