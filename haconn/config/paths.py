"""Where everything lies: four trees, each moved by one variable of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from haconn.config.errors import ConfigError, shown


@dataclass(frozen=True, slots=True)
class Paths:
    """The four trees."""

    etc: Path
    var: Path
    run: Path
    log: Path

    @property
    def lock(self) -> Path:
        """Who holds it is the daemon of this state (haconn/daemon/pair/exclusivity.py)."""
        return self.var / "lock"

    @property
    def control_socket(self) -> Path:
        """Where the daemon listens to the commands."""
        return self.run / "control.sock"


def paths(environment: Mapping[str, str]) -> Paths:
    """Give the trees; raises ConfigError for a variable that is no absolute path.

    If only HACONN_VAR is set, logs go to its log/: somebody who moves the state means it whole.
    """
    var = _tree(environment, "HACONN_VAR", "/var/lib/haconn2")
    log = str(var / "log") if environment.get("HACONN_VAR") else "/var/log/haconn2"
    return Paths(
        etc=_tree(environment, "HACONN_ETC", "/etc/haconn2"),
        var=var,
        run=_tree(environment, "HACONN_RUN", "/run/haconn2"),
        log=_tree(environment, "HACONN_LOG", log),
    )


def _tree(environment: Mapping[str, str], name: str, default: str) -> Path:
    path = Path(environment.get(name) or default)
    if not path.is_absolute() or "\0" in str(path):
        raise ConfigError(f"{name}: {shown(str(path))}: allowed is an absolute path")
    return path
