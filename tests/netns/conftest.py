"""Tests that need root and network namespaces: collected only if somebody names tests/netns."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fixtures.simulators.netns.cuts import lacking
from fixtures.simulators.netns.inside import sockets_by_namespace
from fixtures.simulators.netns.stage import Stage, open_stage

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave them out of a run of all tests: `nox -s netns` names them."""
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(HERE in {one, *one.parents} for one in named) else True


@pytest.fixture(autouse=True)
def as_root() -> None:
    """Skip where no play can be played; where nothing may be skipped, only for want of root."""
    why = lacking()
    if why is not None and os.geteuid() == 0 and os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    if why is not None:
        pytest.skip(why)


@pytest.fixture
def stage(as_root: None) -> Iterator[Stage]:
    """A stage, gone afterwards."""
    with open_stage() as made:
        yield made


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a short name: sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="hn") as made:
        yield Path(made)


@pytest.fixture
async def sockets() -> AsyncIterator[None]:
    """Let sockets be made in namespaces."""
    with sockets_by_namespace():
        yield
