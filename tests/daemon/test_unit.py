"""The unit that systemd is given says what the pair's safety and times rest on."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from haconn.core.pair_times import TIMES
from haconn.daemon.main import EXIT_CONFIG
from haconn.daemon.pair.records import PRODUCT_UUID

UNIT = Path(__file__).parent.parent.parent / "etc" / "haconn2" / "haconnd.service"


@pytest.fixture
def unit() -> dict[str, list[str]]:
    """Each key with its values, in order."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_the_restart_comes_when_the_peer_has_noticed(unit: dict[str, list[str]]) -> None:
    assert unit["Restart"] == ["on-failure"]  # exit 0 is an ordered stop; 75 is not
    assert float(unit["RestartSec"][0]) == TIMES.restart_s > TIMES.dead_s
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["RestartPreventExitStatus"] == [str(EXIT_CONFIG)]


def test_a_daemon_that_hangs_is_killed_before_the_peer_calls_it_dead(
    unit: dict[str, list[str]],
) -> None:
    assert unit["Type"] == ["notify"]
    assert float(unit["WatchdogSec"][0]) < TIMES.dead_s
    assert unit["WatchdogSignal"] == ["SIGKILL"]
    assert float(unit["TimeoutStopSec"][0]) > TIMES.handover_s


def test_the_address_is_let_go_after_any_end_as_the_service_itself(
    unit: dict[str, list[str]],
) -> None:
    assert unit["ExecStopPost"] == ["/usr/local/bin/haconn-release"], "no + and no -"
    assert unit["User"] == ["haconn"]
    for key in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert unit[key] == ["CAP_NET_ADMIN CAP_NET_RAW"]
    families = set(unit["RestrictAddressFamilies"][0].split())
    assert families == {"AF_UNIX", "AF_INET", "AF_NETLINK", "AF_PACKET"}


def test_records_outlive_the_process_and_the_boot_id_stays_visible(
    unit: dict[str, list[str]],
) -> None:
    assert unit["RuntimeDirectoryPreserve"] == ["yes"]
    assert unit["ReadWritePaths"] == ["/etc/haconn2"]
    assert "ProcSubset" not in unit
    (copying,) = unit["ExecStartPre"]
    assert copying.startswith("+-")
    assert copying.endswith(f" %t/{unit['RuntimeDirectory'][0]}/{PRODUCT_UUID}")
    assert "-m 0444" in copying


def test_systemd_takes_it_without_a_remark(tmp_path: Path, peer: Callable[[str], str]) -> None:
    text = UNIT.read_text()
    for program in ("/usr/local/bin/haconnr2", "/usr/local/bin/haconn-release"):
        assert program in text
        text = text.replace(program, "/bin/true")
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        [peer("systemd-analyze"), "verify", "--man=no", str(tmp_path / UNIT.name)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_machines_uuid_is_copied_as_the_unit_says(tmp_path: Path) -> None:
    (line,) = (line for line in UNIT.read_text().splitlines() if line.startswith("ExecStartPre="))
    _, _, command = line.partition("=+-")
    source = tmp_path / "source"
    source.write_text("4c4c4544-0042-3510-8051-b4c04f4d3732\n")
    (tmp_path / "haconn2").mkdir()
    for _ in range(2):  # it is there already after a restart
        words = command.replace("%t", str(tmp_path)).split()
        words[words.index("/sys/class/dmi/id/product_uuid")] = str(source)
        subprocess.run(words, check=True)
    copy = tmp_path / "haconn2" / PRODUCT_UUID
    assert copy.read_text() == source.read_text()
    assert copy.stat().st_mode & 0o777 == 0o444
