"""Where everything lies."""

from pathlib import Path

import pytest

from haconn.config.errors import ConfigError
from haconn.config.paths import Paths, paths


def test_the_trees_of_an_installed_service() -> None:
    assert paths({}) == Paths(
        Path("/etc/haconn2"),
        Path("/var/lib/haconn2"),
        Path("/run/haconn2"),
        Path("/var/log/haconn2"),
    )


def test_logs_move_with_the_state_unless_they_are_moved_themselves() -> None:
    assert paths({"HACONN_VAR": "/x"}).log == Path("/x/log")
    assert paths({"HACONN_VAR": "/x", "HACONN_LOG": "/y"}).log == Path("/y")
    assert paths({"HACONN_RUN": "/r"}).control_socket == Path("/r/control.sock")


@pytest.mark.parametrize("name", ["HACONN_ETC", "HACONN_VAR", "HACONN_RUN", "HACONN_LOG"])
def test_a_tree_has_an_absolute_path(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: .*: allowed is an absolute path"):
        paths({name: "here"})
