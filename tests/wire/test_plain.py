"""The codec of control socket and journal: what goes in comes out, and nothing else does."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.core.model import Instant, Secret, SystemKey
from haconn.wire.plain import PlainError, from_plain, to_plain


class Colour(Enum):
    RED = "a sentence that may be reworded"
    BLUE = "another one"


@dataclass(frozen=True, slots=True)
class Began:
    at: Instant
    budget_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    why: str
    colours: frozenset[Colour] = frozenset()


Event = Began | Ended


@dataclass(frozen=True, slots=True)
class Story:
    key: SystemKey
    tag: bytes
    last: Event
    seen: Instant | None
    events: tuple[Event, ...] = ()
    pair: tuple[str, int] = ("", 0)
    form: Literal["a", "b"] = "a"
    states: Mapping[SystemKey, Colour] = field(default_factory=dict)


INSTANTS = st.floats(allow_nan=False, width=32).map(Instant)
EVENTS = st.one_of(
    st.builds(Began, INSTANTS, st.floats(allow_nan=False)),
    st.builds(Ended, st.text(), st.frozensets(st.sampled_from(Colour))),
)
KEYS = st.builds(SystemKey, st.integers(), st.integers())
STORIES = st.builds(
    Story,
    KEYS,
    st.binary(),
    EVENTS,
    st.none() | INSTANTS,
    st.lists(EVENTS).map(tuple),
    st.tuples(st.text(), st.integers()),
    st.sampled_from(("a", "b")),
    st.dictionaries(KEYS, st.sampled_from(Colour)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(STORIES)
def test_what_goes_in_comes_out(story: Story) -> None:
    text = json.dumps(to_plain(story), allow_nan=False)
    assert from_plain(Story, json.loads(text)) == story


@settings(deadline=None)
@given(EVENTS)
def test_a_member_of_a_union_is_known_by_its_kind(event: Event) -> None:
    plain = to_plain(event, Event)
    assert isinstance(plain, dict)
    assert plain["kind"] == type(event).__name__
    assert from_plain(Event, plain) == event


def test_only_instants_are_shifted() -> None:
    story = Story(SystemKey(1, 2), b"", Began(Instant(10.0), 5.0), Instant(3.0))
    stored = from_plain(Story, to_plain(story, shift=100.0))
    assert stored.last == Began(Instant(110.0), 5.0)
    assert stored.seen == 103.0
    assert from_plain(Story, to_plain(stored), shift=-100.0) == story


def test_a_deadline_that_never_comes_survives() -> None:
    plain = to_plain(Began(Instant(math.inf)), shift=7.0)
    assert json.loads(json.dumps(plain, allow_nan=False))["at"] == "inf"
    assert from_plain(Began, plain, shift=-7.0).at == math.inf


def test_defaults_stand_in_for_what_an_older_writer_did_not_know() -> None:
    assert from_plain(Began, {"at": 1}) == Began(Instant(1.0), 5.0)


def test_a_bare_tuple_needs_no_annotation_for_its_records() -> None:
    assert to_plain((SystemKey(1, 2), 3)) == [{"port": 1, "number": 2}, 3]


@pytest.mark.parametrize(
    ("form", "data", "words"),
    [
        (Began, {}, "Began: at is missing"),
        (Began, {"at": 1.0, "budget": 2.0}, "no member is called 'budget'"),
        (Began, {"at": True}, "at: expected a number, not a bool"),
        (Began, {"at": 10**400}, "at: expected a smaller number"),
        (Began, {"at": math.nan}, "at: expected a finite number"),
        (Began, [], "expected a Began, not a list"),
        (Event, {"at": 1.0}, '"kind" to be one of Began, Ended'),
        (Event, {"kind": ["Began"]}, '"kind" to be one of Began, Ended'),
        (Ended, {"why": "", "colours": ["GREEN"]}, "colours[0]: expected one of RED, BLUE"),
        (tuple[int, ...], [1, True], "[1]: expected int, not a bool"),
        (tuple[int, str], [1], "expected an array of 2"),
        (bytes, "0g", "expected hexadecimal digits"),
        (Literal["a"], "b", "expected one of ('a',)"),
        (int | None, "1", "expected int, not a str"),
    ],
)
def test_refused_data_is_named_with_its_place(form: object, data: object, words: str) -> None:
    with pytest.raises(PlainError) as caught:
        from_plain(form, data)
    assert words in str(caught.value)


@settings(deadline=None)
@given(JSON, st.sampled_from([Story, Began, Event, tuple[Event, ...], int | str | None]))
def test_arbitrary_data_is_a_value_or_a_plain_error(data: object, form: object) -> None:
    try:
        value = from_plain(form, data)
    except PlainError:
        return
    assert from_plain(form, to_plain(value, form)) == value


def test_a_secret_has_no_plain_form() -> None:
    with pytest.raises(TypeError) as caught:
        to_plain((Secret("canary"),))
    assert "canary" not in str(caught.value)
