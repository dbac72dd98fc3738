"""The frames of the control socket, as both ends see them."""

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.core.model import Secret, SystemKey
from haconn.core.report import (
    CopyReport,
    Fed,
    KeysReport,
    Link,
    MonitorReport,
    MonitorRow,
    OutletRow,
    OutletStatus,
    PathRow,
    PduReport,
    PduRow,
    PowerShown,
    ResetTestReport,
    RestoreReport,
    RoleReport,
    ServerRow,
    StatusReport,
    SystemStatus,
)
from haconn.wire.control import (
    CHANGES,
    COMMANDS,
    REQUEST_BYTES_MAX,
    Acrecovery,
    ControlError,
    CopyConfiguration,
    Done,
    Frames,
    MayRetirePeerKey,
    Monitors,
    PairRequest,
    Pdus,
    Progress,
    Refused,
    ReloadKeys,
    Reply,
    Request,
    Reset,
    RestartActive,
    RestartStandby,
    ShutdownActive,
    ShutdownStandby,
    Status,
    Takeover,
    as_json,
    encode_reply,
    encode_request,
    parse_reply,
    parse_request,
    reply_frames,
    request_frames,
)
from haconn.wire.plain import Json

OUTLET = OutletRow("127.0.0.1", "1", OutletStatus.ENABLE, Fed.MANAGED, "A")
CONVERSATIONS: list[tuple[Request, Reply]] = [
    (
        Status(),
        Done(
            StatusReport(
                "single",
                Link.NONE,
                (),
                (ServerRow("A", PowerShown.PON, Link.OK, Link.NONE, Link.NONE),),
                ("an alarm",),
            )
        ),
    ),
    (
        Monitors(),
        Done(MonitorReport((MonitorRow("A", None, None, SystemStatus.UNREGISTERED, *[None] * 3),))),
    ),
    (Pdus(), Done(PduReport((PduRow("127.0.0.1", "IBM_PDU", None, Link.NG),), (OUTLET,)))),
    (ReloadKeys(), Done(KeysReport(2, 3))),
    (Reset("A", 3), Progress("soft reset sent")),
    (Reset("A", 3, 6001), Done(ResetTestReport("A", SystemKey(6001, 3), True, 812, "stop notice"))),
    (Acrecovery("A"), Done(RestoreReport("A", (OUTLET,)))),
    (Acrecovery("A"), Refused("no such server")),
    (CopyConfiguration(), Done(CopyReport(("pservers.toml", "pdu-models/SITE.toml")))),
    (CopyConfiguration(), Progress("the standby has 3 files")),
    (RestartActive(), Done(RoleReport("the standby is active"))),
    (RestartActive(force=True), Refused("there is no standby")),
    (ShutdownActive(force=True), Done(RoleReport("both stop"))),
    (Takeover("HACON1"), Refused("HACON1 is heard on the duplex LAN")),
    (Takeover("HACON1"), Done(RoleReport("active"))),
    (RestartStandby(), Done(RoleReport("the standby starts anew"))),
    (ShutdownStandby(), Done(RoleReport("the standby has stopped"))),
    (MayRetirePeerKey(2), Refused("the peer has no other")),
    (
        Status(),
        Done(
            StatusReport(
                "pair",
                Link.OK,
                (),
                (),
                paths=(PathRow("duplex LAN", Link.OK, Link.NG),),
                epoch=7,
                synchronised=False,
                notes=("the settings of the peer differ",),
            )
        ),
    ),
]
CHANGING = (
    CopyConfiguration,
    RestartActive,
    ShutdownActive,
    Takeover,
    RestartStandby,
    ShutdownStandby,
    MayRetirePeerKey,
)


def arrive(frames: Frames, data: bytes, step: int) -> list[Json]:
    return [
        value for at in range(0, len(data), step) for value in frames.feed(data[at : at + step])
    ]


def test_every_command_is_tried_here() -> None:
    assert {type(request) for request, _ in CONVERSATIONS} == set(COMMANDS.values())


def test_whatever_moves_a_role_is_a_change_and_displays_are_none() -> None:
    assert set(CHANGING) < CHANGES
    assert not CHANGES & {Status, Monitors, Pdus}
    assert set(CHANGING) == set(get_args(PairRequest))


def test_a_takeover_names_the_peer() -> None:
    with pytest.raises(ControlError, match="takeover: Takeover: peer is missing"):
        parse_request({"command": "takeover", "arguments": {}})


@pytest.mark.parametrize(("request_", "reply"), CONVERSATIONS)
@pytest.mark.parametrize("step", [1, 3, 65536])
def test_a_conversation_arrives_in_any_pieces(request_: Request, reply: Reply, step: int) -> None:
    frames = request_frames()
    (asked,) = arrive(frames, encode_request(request_), step)
    assert not frames.inside
    assert parse_request(asked) == request_
    data = encode_reply(Progress("begun")) + encode_reply(reply)
    first, second = arrive(reply_frames(), data, step)
    assert parse_reply(request_, first) == Progress("begun")
    assert parse_reply(request_, second) == reply


def test_a_cut_frame_is_seen_as_cut() -> None:
    frames = request_frames()
    assert frames.feed(encode_request(Status())[:-1]) == []
    assert frames.inside


def test_a_frame_over_the_limit_is_refused_before_it_arrives() -> None:
    with pytest.raises(ControlError, match="the limit is 65536"):
        request_frames().feed((REQUEST_BYTES_MAX + 1).to_bytes(4, "big"))


def test_an_answer_over_the_limit_is_refused_in_words() -> None:
    report = StatusReport("single", Link.NONE, (), (), ("x" * 5_000_000,))
    (value,) = reply_frames().feed(encode_reply(Done(report)))
    reply = parse_reply(Status(), value)
    assert isinstance(reply, Refused)
    assert "too long" in reply.reason


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "a request is a command and its arguments"),
        ({"command": "status", "extra": 1}, "a request is a command and its arguments"),
        ({"command": "reboot"}, "unknown command; known: status, hamonitor, ipdu"),
        ({"command": "reset", "arguments": {"server": "A"}}, "reset: Reset: address is missing"),
        (
            {"command": "reset", "arguments": {"server": "A", "address": 1, "prot": 2}},
            "no member is called 'prot'",
        ),
        ({"command": "reset", "arguments": {"server": "A", "address": True}}, "expected int"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(value: Json, words: str) -> None:
    with pytest.raises(ControlError) as caught:
        parse_request(value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 7))
def test_arbitrary_bytes_are_values_or_a_control_error(data: bytes, step: int) -> None:
    frames = request_frames()
    try:
        for value in arrive(frames, len(data).to_bytes(4, "big") + data, step):
            parse_request(value)
    except ControlError:
        return


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["done", "progress", "refused", "mode", "link", "servers"]), inner
            )
        ),
    )
)
def test_arbitrary_replies_are_replies_or_a_control_error(value: Json) -> None:
    try:
        reply = parse_reply(Status(), value)
    except ControlError:
        return
    assert isinstance(reply, Progress | Done | Refused)


@pytest.mark.parametrize("text", [b"[" * 60000, b"NaN", b"\xff", b"", b"1" * 5000])
def test_what_is_no_json_is_a_control_error(text: bytes) -> None:
    with pytest.raises(ControlError):
        request_frames().feed(len(text).to_bytes(4, "big") + text)


def test_a_secret_is_asterisks_for_an_operator() -> None:
    assert json.loads(as_json((Secret("canary"), 1))) == ["********", 1]
