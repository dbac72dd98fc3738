"""Values as JSON and back: one codec for the control socket, the journal and `--json`.

`to_plain` gives what `json.dumps` takes; `from_plain` gives an equal value, or PlainError.
The types say everything, the data says only which member of a union it is:

  dataclass           object, one member per field
  union of dataclasses  the same with "kind", the name of the class
  Enum                its name (values are often sentences, which may be reworded)
  tuple, frozenset    array (a frozenset in order of its text)
  dict                array of pairs, since a key may be a SystemKey
  bytes               hexadecimal digits
  Instant             number, moved by `shift` seconds; a float that is not finite is a string

Missing members take the field's default; unknown ones are refused, since a misspelled option
must not be dropped in silence, unless the reader is lenient: what another version of this program
wrote may have more. A Secret has no plain form: writing one is a TypeError, unless
the text is meant for an operator, who is shown asterisks.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NewType,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from haconn.core.model import Instant, Secret

T = TypeVar("T")
Form: TypeAlias = Any
"""A type expression, `int | None` as well as `int`: before TypeForm typing has no name for it."""
Value: TypeAlias = Any
"""A value of the type that some Form names; only the reader of that Form knows which."""
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
KIND = "kind"
CONCEALED = "********"
_AS_THEY_ARE = frozenset({NoneType, bool, int, str})
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf}


class PlainError(ValueError):
    """The data is not a value of the type; the text says where and why."""


def to_plain(
    value: object, annotation: Form = None, *, shift: float = 0.0, conceal: bool = False
) -> Json:
    """Give the JSON-able form of a value, `shift` seconds added to every Instant in it.

    The annotation is needed only where the type of the value says too little: for a union of
    dataclasses, a tuple of them, an Instant. With `conceal` a Secret becomes asterisks.
    """
    how = _How(shift, conceal)
    return _write(type(value) if annotation is None else annotation, value, how)


@overload
def from_plain(
    annotation: type[T], data: object, *, shift: float = 0.0, lenient: bool = False
) -> T: ...
@overload
def from_plain(
    annotation: object, data: object, *, shift: float = 0.0, lenient: bool = False
) -> Value: ...
def from_plain(
    annotation: Form, data: object, *, shift: float = 0.0, lenient: bool = False
) -> Value:
    """Give the value of that type, `shift` seconds added to every Instant in it.

    Raises PlainError for anything that `to_plain` cannot have written for that type; with `lenient`
    it may have written members besides, which are passed over.
    """
    return _Reader(shift, lenient).read(annotation, data, "")


@lru_cache(maxsize=512)
def _hints(record: type) -> dict[str, Any]:
    return get_type_hints(record)


def _members(annotation: Form) -> tuple[Any, ...] | None:
    """The members of a union, or None for a type that is no union."""
    return get_args(annotation) if _origin(annotation) in (Union, UnionType) else None


def _origin(annotation: Form) -> Form:
    """`tuple` of `tuple[int, ...]`; None of a type without arguments."""
    return get_origin(annotation)


def _records(members: tuple[Any, ...]) -> list[type]:
    return [member for member in members if isinstance(member, type) and is_dataclass(member)]


def _bare(annotation: Form) -> Form:
    """Any NewType but Instant is what it was made from."""
    while isinstance(annotation, NewType) and annotation is not Instant:
        annotation = annotation.__supertype__
    return annotation


# ---- writing


@dataclass(frozen=True, slots=True)
class _How:
    shift: float
    conceal: bool


Writer: TypeAlias = Callable[[Value, _How], Json]


def _write(annotation: Form, value: Value, how: _How) -> Json:
    return _writer(annotation)(value, how)


@lru_cache(maxsize=1024)
def _writer(annotation: Form) -> Writer:
    """Look at a type once: the journal writes the same few for months."""
    annotation = _bare(annotation)
    members = _members(annotation)
    if members is not None:
        return _union_writer(members)
    if annotation is Instant:
        return _write_instant
    if isinstance(annotation, type) and annotation in _AS_THEY_ARE:
        return _write_as_it_is
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _write_name
    if isinstance(annotation, type) and is_dataclass(annotation):
        return _write_record
    arguments = get_args(annotation)

    def write(value: Value, how: _How) -> Json:
        if type(value) in _AS_THEY_ARE:
            return _as_it_is(value)
        if is_dataclass(type(value)):
            return _record_writer(value.__class__)(value, how)
        return _write_other(arguments, value, how)

    return write


@lru_cache(maxsize=512)
def _record_writer(record: type) -> Callable[[Value, _How], dict[str, Json]]:
    hints = _hints(record)
    members = [(field.name, _writer(hints[field.name])) for field in fields(record)]

    def write(value: Value, how: _How) -> dict[str, Json]:
        return {name: member(getattr(value, name), how) for name, member in members}

    return write


def _union_writer(members: tuple[Any, ...]) -> Writer:
    records = frozenset(_records(members))
    instant = Instant in members
    others = {_origin(member): _writer(member) for member in reversed(members) if _origin(member)}

    def write(value: Value, how: _How) -> Json:
        kind = value.__class__
        if kind in _AS_THEY_ARE:
            return _as_it_is(value)
        if kind in records:
            plain = _record_writer(kind)(value, how)
            return {KIND: kind.__name__, **plain} if len(records) > 1 else plain
        if instant and kind is float:
            return _write_instant(value, how)
        # the arguments of a generic member say what its items are
        return others.get(kind, _writer(kind))(value, how)

    return write


def _write_as_it_is(value: Value, how: _How) -> Json:
    """What a field of that type holds; anything else in it is looked at once more."""
    return _as_it_is(value) if type(value) in _AS_THEY_ARE else _write_other((), value, how)


def _write_name(value: Value, how: _How) -> Json:
    return value.name if isinstance(value, Enum) else _write_other((), value, how)


def _write_record(value: Value, how: _How) -> Json:
    return _record_writer(value.__class__)(value, how)


def _as_it_is(value: bool | int | str | None) -> Json:
    return value


def _write_instant(value: Value, how: _How) -> float | str:
    return _write_float(value + how.shift)


def _write_float(value: float) -> float | str:
    if math.isnan(value):
        raise TypeError("not a number is no value")
    return value if math.isfinite(value) else f"{value}"


def _write_other(arguments: tuple[Any, ...], value: Value, how: _How) -> Json:
    match value:
        case Enum():
            return value.name
        case None | bool() | int() | str():
            return value
        case float():
            return _write_float(value)
        case bytes():
            return value.hex()
        case Secret() if how.conceal:
            return CONCEALED
        case _:
            return _write_many(arguments, value, how)


def _write_many(arguments: tuple[Any, ...], value: Value, how: _How) -> list[Json]:
    match value:
        case tuple() if arguments and arguments[-1] is not Ellipsis:
            pairs = zip(arguments, value, strict=True)
            return [_write(kind, item, how) for kind, item in pairs]
        case tuple():
            return _write_each(arguments, value, how)
        case frozenset():
            return sorted(_write_each(arguments, value, how), key=repr)
        case Mapping():
            return [_write_many(arguments, item, how) for item in value.items()]
        case _:
            raise TypeError(f"no plain form for a {type(value).__name__}")


def _write_each(arguments: tuple[Any, ...], values: Iterable[Value], how: _How) -> list[Json]:
    """Items of one kind; of their own types where the annotation was bare."""
    kind = arguments[0] if arguments else None
    return [_write(type(item) if kind is None else kind, item, how) for item in values]


# ---- reading


def _fail(where: str, expected: str, data: object) -> PlainError:
    return PlainError(f"{where or 'value'}: expected {expected}, not a {type(data).__name__}")


def _bytes(data: str) -> bytes:
    return bytes.fromhex(data)


_SCALARS: dict[Any, tuple[type, Callable[[Any], Any]]] = {
    bool: (bool, bool),
    int: (int, int),
    str: (str, str),
    bytes: (str, _bytes),
    NoneType: (NoneType, lambda _: None),
}


class _Reader:
    """One reading; it only carries how it is done."""

    __slots__ = ("lenient", "shift")

    def __init__(self, shift: float, lenient: bool) -> None:
        self.shift = shift
        self.lenient = lenient

    def read(self, annotation: Form, data: Value, where: str) -> Value:
        annotation = _bare(annotation)
        if annotation is Instant:
            return Instant(self._float(data, where) + self.shift)
        if annotation in (object, Any):
            return data
        if annotation is float:
            return self._float(data, where)
        if annotation in _SCALARS:
            return self._scalar(annotation, data, where)
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return self._enum(annotation, data, where)
        if isinstance(annotation, type) and is_dataclass(annotation):
            return self._record(annotation, data, where)
        return self._composed(annotation, data, where)

    def _float(self, data: object, where: str) -> float:
        if isinstance(data, str) and data in _NOT_FINITE:
            return _NOT_FINITE[data]
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise _fail(where, "a number", data)
        try:
            number = float(data)
        except OverflowError as exc:
            raise _fail(where, "a smaller number", data) from exc
        if not math.isfinite(number):
            raise _fail(where, "a finite number", data)
        return number

    def _scalar(self, annotation: type, data: object, where: str) -> Value:
        stored, convert = _SCALARS[annotation]
        if type(data) is not stored:
            raise _fail(where, stored.__name__, data)
        try:
            return convert(data)
        except ValueError as exc:
            raise _fail(where, "hexadecimal digits", data) from exc

    def _enum(self, annotation: type[Enum], data: object, where: str) -> Enum:
        if not isinstance(data, str) or data not in annotation.__members__:
            raise _fail(where, f"one of {', '.join(annotation.__members__)}", data)
        return annotation[data]

    def _record(self, annotation: type, data: object, where: str) -> Value:
        if not isinstance(data, dict):
            raise _fail(where, f"a {annotation.__name__}", data)
        hints = _hints(annotation)
        known: dict[str, Field[Any]] = {field.name: field for field in fields(annotation)}
        unknown = sorted(str(name) for name in data if name not in known)
        if unknown and not self.lenient:
            raise PlainError(f"{where or annotation.__name__}: no member is called {unknown[0]!r}")
        values = {
            name: self.read(hints[name], data[name], f"{where}.{name}" if where else name)
            for name in known
            if name in data
        }
        for name, field in known.items():
            if name not in values and field.default is field.default_factory is MISSING:
                raise PlainError(f"{where or annotation.__name__}: {name} is missing")
        try:
            return annotation(**values)
        except ValueError as exc:  # what the class itself checks
            raise PlainError(f"{where or annotation.__name__}: {exc}") from exc

    def _composed(self, annotation: Form, data: Value, where: str) -> Value:
        members = _members(annotation)
        if members is not None:
            return self._union(members, data, where)
        origin, arguments = _origin(annotation), get_args(annotation)
        if origin is Literal:
            if not any(type(data) is type(choice) and data == choice for choice in arguments):
                raise _fail(where, f"one of {arguments}", data)
            return data
        if origin not in (tuple, frozenset) and not _is_mapping(origin):
            raise TypeError(f"no plain form for {annotation}")
        if not isinstance(data, list):
            raise _fail(where, "an array", data)
        return self._many(origin, arguments, data, where)

    def _many(self, origin: Form, arguments: tuple[Any, ...], data: list[Any], where: str) -> Value:
        if origin is frozenset:
            return frozenset(self._each(arguments[0], data, where))
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(self._each(arguments[0], data, where))
        if origin is tuple:
            return self._row(arguments, data, where)
        return dict(
            self._row(arguments, pair, f"{where}[{index}]") for index, pair in enumerate(data)
        )

    def _each(self, kind: Form, data: list[Any], where: str) -> list[Any]:
        return [self.read(kind, item, f"{where}[{index}]") for index, item in enumerate(data)]

    def _row(self, kinds: tuple[Any, ...], data: Value, where: str) -> tuple[Any, ...]:
        if not isinstance(data, list) or len(data) != len(kinds):
            raise _fail(where, f"an array of {len(kinds)}", data)
        pairs = zip(kinds, data, strict=True)
        return tuple(
            self.read(kind, item, f"{where}[{index}]") for index, (kind, item) in enumerate(pairs)
        )

    def _union(self, members: tuple[Any, ...], data: Value, where: str) -> Value:
        if data is None and NoneType in members:
            return None
        records = _records(members)
        if isinstance(data, dict) and len(records) > 1:
            named = {record.__name__: record for record in records}
            kind = data.get(KIND)
            if not isinstance(kind, str) or kind not in named:
                raise _fail(where, f'"{KIND}" to be one of {", ".join(named)}', kind)
            rest = {name: item for name, item in data.items() if name != KIND}
            return self.read(named[kind], rest, where)
        return self._first(members, data, where)

    def _first(self, members: tuple[Any, ...], data: Value, where: str) -> Value:
        """The first member whose form the data has; the only candidate says why it has not."""
        candidates = [member for member in members if member is not NoneType]
        for member in candidates[:-1]:
            try:
                return self.read(member, data, where)
            except PlainError:
                continue
        return self.read(candidates[-1], data, where)


def _is_mapping(origin: Form) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)
