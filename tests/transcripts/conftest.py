"""`pytest tests/transcripts --rewrite` writes what the core does into the transcripts.

Commit only the changes of which you understand the cause.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write the transcripts anew")
