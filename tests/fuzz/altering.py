"""Messages that a contract allows and nobody would write: a real request with some of its fields changed."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_INT32 = (0, 1, -1, 2, 101, 2**15, 2**31 - 1, -(2**31))
_INT64 = (*_INT32, 2**31, 2**53 + 1, 253_402_300_799, 253_402_300_800, -62_135_596_801, 2**63 - 1, -(2**63))
_UNSIGNED = (0, 1, 101, 2**31, 2**32 - 1)
#: What texts may be: identifiers, moments, amounts, cursors, filters, addresses, at and beyond what each may hold.
TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\n\r\t\v",
    "\u202e\u200f\ufeff",
    "\U0010ffff",
    "e\u0301" * 40,
    "a" * 65,
    "a" * 256,
    "a" * 5000,
    "é" * 100_000,
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "{01890000-0000-7000-8000-000000000000}",
    "urn:uuid:01890000-0000-7000-8000-000000000000",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "2026-02-30",
    "2026-W01-1",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59",
    "-1",
    "0",
    "1e308",
    "1E+999999",
    "NaN",
    "-Infinity",
    "٣",
    "1_0",
    "9" * 60,
    "0." + "1" * 60,
    "%",
    "_%\\",
    "'; --",
    "$1",
    "(((((",
    "[a-",
    "../../etc/passwd",
    "https://[::1",
    "https://a:b@localhost:99999/",
    "//",
    "javascript:0",
    "a@b",
    "é@é.example",
    '"a b"@x.example',
    "@" * 300,
    "fr",
    "xx-" + "y" * 200,
    "Europe/Paris",
    "../Paris",
    "{{ 7 * 7 }}",
    "{% for %}",
    "{0.__class__}",
    "<script>",
    "{}",
    "[" * 2000,
    '{"a":',
    "bnVsbA",
    "W10",
    "AAAA",
    "AAAAA",
    "=",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
)
_BYTES = (b"", b"\x00", b"\xff" * 32, b"{}", b"%PDF-1.4", b"a" * 70_000)
_FLOATS = (0.0, -0.0, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), 5e-324)
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: (_INT32, st.integers(-(2**31), 2**31 - 1)),
    FieldDescriptor.CPPTYPE_INT64: (_INT64, st.integers(-(2**63), 2**63 - 1)),
    FieldDescriptor.CPPTYPE_UINT32: (_UNSIGNED, st.integers(0, 2**32 - 1)),
    FieldDescriptor.CPPTYPE_UINT64: ((*_UNSIGNED, 2**63, 2**64 - 1), st.integers(0, 2**64 - 1)),
    FieldDescriptor.CPPTYPE_DOUBLE: (_FLOATS, st.floats()),
    FieldDescriptor.CPPTYPE_FLOAT: (_FLOATS, st.floats(width=32)),
    FieldDescriptor.CPPTYPE_BOOL: ((False, True), st.booleans()),
}
#: How deep a message is altered, how many changes one request has, how many elements a list is filled with.
DEEP, CHANGES, MANY = 4, 3, 1500


def boundaries(field: FieldDescriptor) -> tuple[object, ...]:
    """The values of one element of a field that are at an edge of what it, or what stands behind it, can hold."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return (*(value.number for value in field.enum_type.values), 999, -1)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else TEXTS
    return _NUMBERS[field.cpp_type][0]


def values(field: FieldDescriptor) -> st.SearchStrategy:
    """Of one element: an edge, or anything."""
    edges = st.sampled_from(boundaries(field))
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return edges
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return edges | (st.binary(max_size=40) if field.type == FieldDescriptor.TYPE_BYTES else st.text(max_size=40))
    return edges | _NUMBERS[field.cpp_type][1]


def is_list(field: FieldDescriptor) -> bool:
    return field.is_repeated and not is_map(field)


def is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and kind.GetOptions().map_entry


@st.composite
def altered(draw: st.DrawFn, request: Message) -> Message:
    """A copy with one to three fields of it, or of what it holds, changed."""
    made = type(request)()
    made.CopyFrom(request)
    for _ in range(draw(st.integers(1, CHANGES)) if made.DESCRIPTOR.fields else 0):
        _alter(draw, made, DEEP)
    return made


def _alter(draw: st.DrawFn, message: Message, depth: int) -> None:
    if not message.DESCRIPTOR.fields:
        return
    field = draw(st.sampled_from(list(message.DESCRIPTOR.fields)))
    held = getattr(message, field.name)
    if draw(st.integers(0, 9)) == 0:
        message.ClearField(field.name)
    elif is_map(field):
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        if value.message_type is None:
            held[draw(values(key))] = draw(values(value))
        elif depth:
            _alter(draw, held[draw(values(key))], depth - 1)
    elif is_list(field):
        _alter_list(draw, field, held, depth)
    elif field.message_type is None:
        setattr(message, field.name, draw(values(field)))
    else:
        held.SetInParent()
        if depth:
            _alter(draw, held, depth - 1)


def _alter_list(draw: st.DrawFn, field: FieldDescriptor, held: object, depth: int) -> None:
    """Another element, one that is doubled, or far too many."""
    if held and draw(st.integers(0, 3)) == 0:
        held.extend([held[0]] * draw(st.sampled_from((1, MANY))))
    elif field.message_type is None:
        held.append(draw(values(field)))
    else:
        element = held[draw(st.integers(0, len(held) - 1))] if held and draw(st.booleans()) else held.add()
        if depth:
            _alter(draw, element, depth - 1)


def sweep(request: Message) -> Iterator[Message]:
    """Every field of a request, one at a time, at each of its edges; those of messages that it may hold, too."""
    yield type(request)()
    for path in _paths(request.DESCRIPTOR, ()):
        for value in (None, *boundaries(path[-1])):
            made = type(request)()
            made.CopyFrom(request)
            _put(made, path, value)
            yield made


def _paths(kind: Descriptor, above: tuple[FieldDescriptor, ...]) -> Iterator[tuple[FieldDescriptor, ...]]:
    for field in kind.fields:
        if is_map(field):
            continue  # drawn, not swept
        if field.message_type is None:
            yield (*above, field)
        elif len(above) < DEEP and field.message_type not in [each.message_type for each in above]:
            yield from _paths(field.message_type, (*above, field))


def _put(message: Message, path: tuple[FieldDescriptor, ...], value: object) -> None:
    """None: an element that says nothing (of a list, one more)."""
    for field in path[:-1]:
        held = getattr(message, field.name)
        message = (held[0] if held else held.add()) if is_list(field) else held
        if not is_list(field):
            message.SetInParent()
    last = path[-1]
    if is_list(last):
        getattr(message, last.name).extend([] if value is None else [value])
    elif value is None:
        message.ClearField(last.name)
    else:
        setattr(message, last.name, value)


def empty(kind: Descriptor) -> Message:
    """A message that says nothing."""
    return GetMessageClass(kind)()
