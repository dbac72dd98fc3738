"""A BMC is tried once: can it be reached, does it let us in as administrator, does it tell power?

`python -m haconn.daemon.bmc_check` takes one JSON object on its standard input (`addr`, `port`,
`account`, `password`, `suite`), so that the password is in no list of processes. It ends with 0
and the power on its standard output, or with 1 and one sentence there that says what is wrong.
The command that registers a management server runs it: the commands know no device themselves.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import trio

from haconn.core.model import Secret
from haconn.daemon.assembly import SUITES
from haconn.drivers.base import DeviceError
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import open_session

LIMIT_S = 20.0
"""A login that is answered at its last repetition, with both suites, ends before."""
ORDER_BYTES_MAX = 4096


class Unusable(Exception):
    """The order makes no sense, or the BMC cannot be used; one sentence without secrets."""


def main() -> int:
    """Try the BMC that the standard input names."""
    try:
        address = read_order(sys.stdin.read(ORDER_BYTES_MAX))
        said, status = trio.run(try_bmc, address), 0
    except Unusable as exc:
        said, status = str(exc), 1
    sys.stdout.write(f"{said}\n")
    return status


def read_order(text: str) -> BmcAddress:
    """Give the BMC of an order; raises Unusable, which quotes nothing of it."""
    try:
        order = json.loads(text)
        return _address(order)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unusable("an order is addr, port, account, password and suite") from None


def _address(order: Mapping[str, Any]) -> BmcAddress:
    password, suite = order["password"], order["suite"]
    if not isinstance(password, str) or isinstance(suite, bool):
        raise TypeError
    port, account = order["port"], order["account"]
    if type(port) is not int or not 1 <= port <= 65535 or not isinstance(account, str):
        raise TypeError
    account.encode("ascii"), password.encode("ascii")
    return BmcAddress(order["addr"], port, account, Secret(password), SUITES[suite])


async def try_bmc(address: BmcAddress) -> str:
    """Log in, read the power, log out; raises Unusable."""
    with trio.move_on_after(LIMIT_S):
        try:
            async with open_session(address, 1) as session:
                reading = await session.read_power()
                return f"power {reading.power.value}, cipher suite {session.suite}"
        except DeviceError as exc:
            raise Unusable(" ".join(str(exc).split())) from exc
    raise Unusable(f"no answer within {LIMIT_S:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
