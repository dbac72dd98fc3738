"""Which boot of this management server it is. Needs nothing: the release program imports it."""


def boot_id() -> str:
    """The kernel's boot id; empty where it is not told."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return ""
