"""Writes small Parquet files without any library: one row group, plain encoding, no compression, no
nulls.

For tests and for producers of a few rows; data tools write better files.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Union

Values = Union[Sequence[int], Sequence[float], Sequence[str], Sequence[datetime]]

_INT64, _DOUBLE, _BYTE_ARRAY = 2, 5, 6
_UTF8, _TIMESTAMP_MICROS = 0, 10
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MAGIC = b"PAR1"


def write_small_parquet(path: Union[str, Path], columns: Mapping[str, Values]) -> None:
    """Writes columns of equal length; the first value of each decides whether it is int64, double,
    string or timestamp.

    A datetime without a time zone is in UTC.

    Raises ValueError for columns that are empty or of different lengths, and for a value that is
    not of the type of its column or has more than 64 bits.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError("columns must be of one length, and not empty")
    rows = lengths.pop()
    content = bytearray(_MAGIC)
    schema = [_struct(_binary(4, "schema"), _i32(5, len(columns)))]
    chunks: list[bytes] = []
    for name, values in columns.items():
        kind, converted, data = _encode(name, values)
        page_header = _struct(
            _i32(1, 0), _i32(2, len(data)), _i32(3, len(data)),
            _field(5, 12, _struct(_i32(1, rows), _i32(2, 0), _i32(3, 3), _i32(4, 3))),
        )  # fmt: skip
        offset, size = len(content), len(page_header) + len(data)
        content += page_header + data
        meaning = [] if converted is None else [_i32(6, converted)]
        schema.append(_struct(_i32(1, kind), _i32(3, 0), _binary(4, name), *meaning))
        metadata = _struct(
            _i32(1, kind), _list(2, 5, [_zigzag(0)]), _list(3, 8, [_text(name)]), _i32(4, 0),
            _i64(5, rows), _i64(6, size), _i64(7, size), _i64(9, offset),
        )  # fmt: skip
        chunks.append(_struct(_i64(2, offset), _field(3, 12, metadata)))
    group = _struct(_list(1, 12, chunks), _i64(2, len(content) - 4), _i64(3, rows))
    footer = _struct(_i32(1, 1), _list(2, 12, schema), _i64(3, rows), _list(4, 12, [group]), _binary(6, "quantbot-bus"))
    content += footer + struct.pack("<i", len(footer)) + _MAGIC
    Path(path).write_bytes(content)


def _encode(name: str, values: Values) -> tuple[int, Optional[int], bytes]:
    for value in values:
        if not _is_like(values[0], value):
            raise ValueError(f"the column {name} cannot hold {value!r}: its first value is {values[0]!r}")
    if isinstance(values[0], datetime):
        return _INT64, _TIMESTAMP_MICROS, struct.pack(f"<{len(values)}q", *map(_micros, values))
    if isinstance(values[0], str):
        texts = [str(value).encode() for value in values]
        return _BYTE_ARRAY, _UTF8, b"".join(struct.pack("<i", len(text)) + text for text in texts)
    if isinstance(values[0], float):
        return _DOUBLE, None, struct.pack(f"<{len(values)}d", *values)
    return _INT64, None, struct.pack(f"<{len(values)}q", *values)


def _is_like(first: object, value: Any) -> bool:
    """Whether the type of a column's first value holds another one exactly."""
    if isinstance(first, datetime):
        return isinstance(value, datetime) and getattr(value, "nanosecond", 0) == 0  # a pandas Timestamp has some
    if isinstance(first, str):
        return isinstance(value, str)
    if isinstance(value, (bool, str, datetime)) or not hasattr(value, "__float__"):
        return False
    if isinstance(first, float):
        try:
            return bool(value != value or float(value) == value)
        except OverflowError:
            return False
    return hasattr(value, "__index__") and bool(-(2**63) <= value < 2**63)


def _micros(moment: Any) -> int:
    utc = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    return int((utc - _EPOCH) // timedelta(microseconds=1))


# A field of Thrift's compact protocol: its id, its wire type and its content.
_Field = tuple[int, int, bytes]


def _field(number: int, wire_type: int, content: bytes) -> _Field:
    return number, wire_type, content


def _struct(*fields: _Field) -> bytes:
    content = bytearray()
    previous = 0
    for number, wire_type, data in fields:
        content.append((number - previous) << 4 | wire_type)  # ids here never jump by more than 15
        content += data
        previous = number
    return bytes(content + b"\0")


def _varint(value: int) -> bytes:
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    content.append(value)
    return bytes(content)


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 ^ value >> 63)


def _text(value: str) -> bytes:
    data = value.encode()
    return _varint(len(data)) + data


def _i32(number: int, value: int) -> _Field:
    return _field(number, 5, _zigzag(value))


def _i64(number: int, value: int) -> _Field:
    return _field(number, 6, _zigzag(value))


def _binary(number: int, value: str) -> _Field:
    return _field(number, 8, _text(value))


def _list(number: int, element_type: int, elements: Sequence[bytes]) -> _Field:
    size = len(elements)
    head = bytes([size << 4 | element_type]) if size < 15 else bytes([0xF0 | element_type]) + _varint(size)
    return _field(number, 9, head + b"".join(elements))
