"""Reports carry what is not known as a word of its own."""

from haconn.core.report import (
    Fed,
    Link,
    ManagementStatus,
    OutletStatus,
    PowerShown,
    Role,
    ServerRow,
    StatusReport,
    SystemStatus,
)
from haconn.core.system import Status


def test_what_is_not_known_has_a_word() -> None:
    unknown = {
        Link.NONE.value,
        PowerShown.UNWATCHED.value,
        OutletStatus.UNKNOWN.value,
        Fed.NOTHING.value,
    }
    assert unknown == {"--"}
    undecided = {
        Role.UNDECIDED.value,
        ManagementStatus.UNKNOWN.value,
        SystemStatus.UNREGISTERED.value,
    }
    assert undecided == {"----"}


def test_every_state_of_a_system_can_be_shown() -> None:
    assert {status.value for status in Status} == {status.value for status in SystemStatus}


def test_nothing_owed_and_no_alarm_is_the_rule() -> None:
    row = ServerRow("db1", PowerShown.PON, Link.OK, Link.NONE, Link.NONE)
    report = StatusReport("single", Link.NONE, (), (row,))
    assert (report.alarms, report.owed) == ((), ())
