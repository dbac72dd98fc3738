"""What every driver shares: the family of errors, named after who must act.

A driver raises one of these from a read or a login. A command that may change the world never
raises them: it returns one of the four answers of haconn.core.model.Answer.

The names say what happened rather than end in "Error": they stand in sentences.
"""


class DeviceError(Exception):
    """A device did not do its part. `str()` is one sentence for the operator, without secrets."""


class DeviceSilent(DeviceError):
    """No answer to the last retransmission: the device, or the network to it, is dead or slow."""


class DeviceUnreachable(DeviceError):
    """The kernel or the network (ICMP) says that nothing can be delivered there."""


class LoginRefused(DeviceError):
    """The device answers and lets us not in: the operator must act, trying again will not help.

    Two causes pass by themselves, and their sentences say so: no free session slot, and an answer
    to one of our own repeated login messages.
    """


class NoFreeSession(LoginRefused):
    """All session slots of the device are taken; some may be those of a process that was killed."""


class DeviceFault(DeviceError):
    """The device answered and could not do what was asked, or its answer makes no sense."""
