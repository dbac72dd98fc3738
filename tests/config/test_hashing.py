"""The two hashes in heartbeats: equal for what means the same, and silent about secrets."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from haconn.config import edits, pair_edits
from haconn.config.documents import FILES
from haconn.config.hashing import HASH_BYTES, configuration_hash, service_hash
from haconn.config.keys import fresh_key
from haconn.config.pdu_models import load_pdu_models
from haconn.config.schema import Configuration, ResetPath, Timers
from haconn.config.store import load
from haconn.core.model import Secret
from tests.config.samples import configuration, stored

MODELS = load_pdu_models()
SAMPLE = configuration()
WHOLE = configuration_hash(SAMPLE, MODELS)
CHANGED: Mapping[str, Configuration] = {
    "a server": edits.modify_server(SAMPLE, "PSERVER1", {"cluster": True}).configuration,
    "a password": edits.modify_server(
        SAMPLE, "PSERVER1", {"password": Secret("other-Pw9")}
    ).configuration,
    "a management server": pair_edits.set_lans(SAMPLE, "HACON2", {"lan_port": 5003}).configuration,
    "its password": pair_edits.modify_mserver(
        SAMPLE, "HACON2", {"password": Secret("other-Pw9")}
    ).configuration,
    "the community": edits.set_community(SAMPLE, Secret("other")).configuration,
    "a PDU": edits.delete_pdus(SAMPLE, "*").configuration,
    "a key": replace(SAMPLE, keys=SAMPLE.keys[:1]),
    "the counter of systems": replace(SAMPLE, next_system=9),
    "a key of the pair": replace(
        SAMPLE, peer_keys=(replace(SAMPLE.peer_keys[0], key=fresh_key()), SAMPLE.peer_keys[1])
    ),
    "fewer keys of the pair": replace(SAMPLE, peer_keys=SAMPLE.peer_keys[1:]),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_whatever_is_copied_or_a_key_changes_the_hash(changed: Configuration) -> None:
    assert configuration_hash(changed, MODELS) != WHOLE
    assert service_hash(changed) == service_hash(SAMPLE)


def test_a_model_that_a_pdu_has_changes_the_hash_and_another_one_does_not() -> None:
    used = {**MODELS, "IBM_PDU": replace(MODELS["IBM_PDU"], outlets_max=11)}
    other = {**MODELS, "APC_RPDU": replace(MODELS["APC_RPDU"], outlets_max=11)}
    assert configuration_hash(SAMPLE, used) != WHOLE
    assert configuration_hash(SAMPLE, other) == WHOLE


@pytest.mark.parametrize(
    "path",
    [
        {"addr": "192.168.0.9"},
        {"mask": "255.255.0.0"},
        {"port": 30001},
    ],
)
def test_the_place_of_the_service_changes_its_own_hash_only(path: dict[str, object]) -> None:
    changed = edits.set_reset_path(SAMPLE, path).configuration
    assert service_hash(changed) != service_hash(SAMPLE)
    assert configuration_hash(changed, MODELS) == WHOLE


def test_what_is_of_one_server_only_changes_neither() -> None:
    changed = replace(SAMPLE, mode="pair", timers=Timers(hispeed_ms=1000), notes=("x",))
    assert configuration_hash(changed, MODELS) == WHOLE
    assert service_hash(changed) == service_hash(SAMPLE)


def test_comments_order_and_defaults_in_the_files_do_not_matter(tmp_path: Path) -> None:
    sample = stored(tmp_path)
    before = configuration_hash(sample, MODELS)
    for file in FILES:
        path = tmp_path / file
        path.write_text("# mine\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    pservers = (tmp_path / "pservers.toml").read_text(encoding="utf-8")
    again = pservers.replace('name = "PSERVER1"\n', "", 1).replace(
        "[[pserver]]\n", '[[pserver]]\nhedge = false\nbmcport=623\nname   =   "PSERVER1"\n', 1
    )
    assert again != pservers
    (tmp_path / "pservers.toml").write_text(again, encoding="utf-8")
    assert configuration_hash(load(tmp_path), MODELS) == before


def test_the_order_in_which_a_set_was_made_does_not_matter() -> None:
    one, other = frozenset([8, 0]), frozenset([0, 8])
    assert list(one) != list(other), "two numbers that share a place in the table"
    hashes = {
        configuration_hash(SAMPLE, {"IBM_PDU": replace(MODELS["IBM_PDU"], unknown=unknown)})
        for unknown in (one, other)
    }
    assert len(hashes) == 1


def test_both_hashes_have_8_bytes_and_another_version_gives_the_same_place() -> None:
    bare = Configuration(resetpath=ResetPath(addr="10.0.0.1", mask="255.0.0.0", port=30000))
    assert service_hash(bare).hex() == "12647f2ff968ca1e"
    assert len(WHOLE) == len(service_hash(bare)) == HASH_BYTES


def test_the_hash_is_keyed_with_the_keys_of_the_pair() -> None:
    """Who guesses a password has nothing to try the guess on."""
    bare = replace(SAMPLE, peer_keys=())
    hashes = {configuration_hash(bare, MODELS)}
    for _ in range(3):
        now, _ = pair_edits.new_peer_key(bare, fresh_key())
        hashes.add(configuration_hash(now, MODELS))
    assert len(hashes) == 4
