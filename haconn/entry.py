"""Where every program begins. Nothing is imported before haconn/interrupt.py has done its work."""

import sys

from haconn.interrupt import interruptible


def haconnsetup() -> int:
    """Change settings."""
    return _command("haconnsetup")


def haconnshow() -> int:
    """Show settings and states."""
    return _command("haconnshow")


def haconnserver() -> int:
    """Operate managed servers."""
    return _command("haconnserver")


def haconnact() -> int:
    """Operate the active management server of a pair."""
    return _command("haconnact")


def haconnsby() -> int:
    """Operate the standby management server of a pair."""
    return _command("haconnsby")


def haconnr2() -> int:
    """Run the daemon; it takes SIGINT itself once it has something to stop."""
    from haconn.daemon.main import main

    return main()


def haconn_release() -> int:
    """Give up what a dead daemon of a pair has left."""
    from haconn.daemon.release import main

    return main()


def _command(program: str) -> int:
    from haconn.cli.app import main

    return interruptible(lambda: main(program, sys.argv[1:]))
