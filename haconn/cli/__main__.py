"""`python -m haconn.cli haconnshow setting`: the commands without their entry points."""

import sys

from haconn.interrupt import interruptible


def _start(arguments: list[str]) -> int:
    from haconn.cli.app import main
    from haconn.cli.commands import PROGRAMS
    from haconn.cli.terminal import ExitStatus

    if not arguments or arguments[0] not in PROGRAMS:
        sys.stderr.write(f"haconn.cli: allowed is one of {', '.join(PROGRAMS)} first\n")
        return ExitStatus.USAGE
    return interruptible(lambda: main(arguments[0], arguments[1:]))


if __name__ == "__main__":
    sys.exit(_start(sys.argv[1:]))
