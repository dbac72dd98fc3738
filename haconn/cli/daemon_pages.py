"""What is to be known of the programs that are no operator's commands, for their man pages.

They have no words and options of their own, so the table of commands does not know them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProgramPage:
    """One man page."""

    purpose: str
    synopsis: str
    sections: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Heading and entries: a term, or nothing, and its text."""


TREES = (
    ("HACONN_ETC", "settings and secrets; /etc/haconn2 if not set"),
    ("HACONN_VAR", "journal, lock and state; /var/lib/haconn2 if not set"),
    ("HACONN_RUN", "control socket; /run/haconn2 if not set"),
    (
        "HACONN_LOG",
        "logs; /var/log/haconn2 if not set, or log/ of HACONN_VAR where that is set",
    ),
    ("HACONN_LANG", "language of messages: en, ja"),
)
PAGES = {
    "haconnr2": ProgramPage(
        "the fencing service",
        "haconnr2 [--check]",
        (
            (
                "DESCRIPTION",
                (
                    (
                        "",
                        "Takes requests on the reset path, resets servers by their BMCs and"
                        " outlets, and tells what is proved. systemd runs it; commands talk to it"
                        " by its control socket.",
                    ),
                ),
            ),
            (
                "OPTIONS",
                (
                    (
                        "--check",
                        "read the settings, say every fault and what is odd, and start nothing",
                    ),
                ),
            ),
            (
                "EXIT STATUS",
                (
                    ("0", "stopped in order, and to stay so; settings are good (--check)"),
                    ("1", "failed, or the machine is not as it has to be: one line says why"),
                    ("75", "ended in order so that a new process begins (a pair)"),
                    ("78", "the settings cannot be used: a line for every fault"),
                ),
            ),
            ("ENVIRONMENT", TREES),
            (
                "SEE ALSO",
                (
                    (
                        "",
                        "haconnsetup(8), haconnshow(8), haconnserver(8), haconnact(8),"
                        " haconnsby(8), haconn-release(8)",
                    ),
                ),
            ),
        ),
    ),
    "haconn-release": ProgramPage(
        "let go of the virtual address after the end of a daemon, and tell the peer",
        "haconn-release",
        (
            (
                "DESCRIPTION",
                (
                    (
                        "",
                        "systemd runs it after any end of the service of a pair (ExecStopPost), as"
                        " the same user. It does nothing while a daemon of the same state runs.",
                    ),
                ),
            ),
            (
                "EXIT STATUS",
                (
                    ("0", "done, or nothing to do"),
                    ("1", "not done; the lease of the address ends by itself in a second"),
                ),
            ),
            ("ENVIRONMENT", TREES[:3]),
            ("SEE ALSO", (("", "haconnr2(8)"),)),
        ),
    ),
}
"""By the program."""
