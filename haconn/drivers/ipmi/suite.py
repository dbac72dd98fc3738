"""The cipher suites that haconn speaks: 17 and 3, and never any other.

Suite 0 is a login without a password, and suites 1, 2, 6 and so on leave out integrity or
encryption. They are not in the table, so that nothing can ask for them or accept them.
"""

import hmac
from dataclasses import dataclass
from typing import Final

Algorithms = tuple[int, int, int]
"""Authentication, integrity and confidentiality (IPMI 2.0, tables 13-17 to 13-19)."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite (IPMI 2.0, table 22-20; 17 is of errata 7)."""

    number: int
    algorithms: Algorithms
    digest: str
    """Name of the hash in hashlib."""
    digest_bytes: int
    check_bytes: int
    """How much of an integrity value travels."""

    def code(self, key: bytes, covered: bytes) -> bytes:
        """Compute the whole authentication code of this suite."""
        return hmac.digest(key, covered, self.digest)


SUITES: Final = {
    17: Suite(17, (3, 4, 1), "sha256", 32, 16),
    3: Suite(3, (1, 1, 1), "sha1", 20, 12),
}


def suite_of(algorithms: Algorithms) -> int | None:
    """Name the suite of these algorithms, if it is one of ours."""
    return next((s.number for s in SUITES.values() if s.algorithms == algorithms), None)
