"""The reset path in namespaces is that of the tests of its drivers."""

from tests.drivers.address.conftest import lan, permitted

__all__ = ["lan", "permitted"]
