"""Conversations between systems, devices and the core, as an operator can read them."""

from pathlib import Path

import pytest

from tests.transcripts.member import Member
from tests.transcripts.player import Player

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("**/*.txt"))


def test_the_transcripts_were_found() -> None:
    assert len(FILES) >= 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_transcript(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text(encoding="utf-8")
    player = Member() if path.parent.name == "takeover" else Player()
    played = player.play(text)
    if request.config.getoption("--rewrite", default=False):
        path.write_text(played, encoding="utf-8")
    assert played == path.read_text(encoding="utf-8")


def test_a_transcript_that_tells_another_story_is_noticed() -> None:
    text = "server db1\nsystem 6001/1 on db1\n0.000 6001/1 speaks\n    nothing of the kind\n"
    assert Player().play(text) != text
