"""Files of HACONN_ETC, written as the commands write them."""

from dataclasses import replace
from pathlib import Path

from haconn.config.schema import Configuration
from haconn.config.store import change


def store(etc: Path, wanted: Configuration) -> None:
    """Make the files say this, step by step: no command changes all of them at once."""
    change(
        etc,
        lambda old: replace(
            old, mode=wanted.mode, resetpath=wanted.resetpath, timers=wanted.timers
        ),
    )
    change(etc, lambda old: replace(old, pdus=wanted.pdus))
    change(etc, lambda old: replace(old, pservers=wanted.pservers, community=wanted.community))
    change(etc, lambda old: replace(old, keys=wanted.keys, next_system=wanted.next_system))
    change(etc, lambda old: replace(old, mservers=wanted.mservers))
    peer = {"peer_keys": wanted.peer_keys, "peer_newest": wanted.peer_newest}
    change(etc, lambda old: replace(old, **peer))  # type: ignore[arg-type]
