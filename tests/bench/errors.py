"""What makes a run of the bench worth nothing."""


class InvalidRunError(Exception):
    """The figures would not be what the table says they are; one line says why."""
