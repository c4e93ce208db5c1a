"""Reads the number of rows from a Parquet file's footer, with nothing but the standard library.

The footer is a Thrift struct in the compact protocol
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Everything
before the row count is skipped without being built; what follows it is the daemon's to check. """

from __future__ import annotations

import os
from typing import BinaryIO

from ._bus_root import StrPath
from ._errors import BusError
from ._other_format import LOOKED_AT_BYTES, other_format

MAX_FOOTER_BYTES = 64 * 1024 * 1024
_MAX_DEPTH = 64
_I64, _BINARY, _LIST, _SET, _STRUCT = 6, 8, 9, 10, 12
_NUM_ROWS = 3


class _Damaged(Exception):
    """Invalid bytes. The message completes "the footer cannot be read: …"."""


def read_rows(path: StrPath) -> int:
    """The number of rows of a Parquet file.

    Raises BusError NOT_PARQUET for anything that is not a whole Parquet file, UNSUPPORTED_PARQUET
    for an encrypted one, TOO_LARGE for a footer of more than 64 MiB; OSError.
    """
    with open(path, "rb") as file:
        return read_rows_of(file)


def read_rows_of(file: BinaryIO) -> int:
    """:func:`read_rows` of a file that is already open."""
    footer = _read_footer(file)
    try:
        return _num_rows(footer)
    except _Damaged as error:
        raise BusError("NOT_PARQUET", f"The footer cannot be read: {error}.") from error


def _read_footer(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(LOOKED_AT_BYTES)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    if tail[4:] == b"PARE":
        raise BusError("UNSUPPORTED_PARQUET", "The file is encrypted Parquet, which the bus cannot read.")
    starts_right = head[:4] == b"PAR1"
    other = None if starts_right else other_format(head)
    if other is not None:
        raise BusError(
            "NOT_PARQUET",
            f"The file is {other}, not Parquet.",
            hint="Convert it with DuckDB, pandas or polars, and submit the Parquet file.",
        )
    if size < 12:
        raise BusError("NOT_PARQUET", f"The file has {size} bytes; the smallest Parquet file has more.")
    if not starts_right or tail[4:] != b"PAR1":
        raise BusError(
            "NOT_PARQUET", "The file does not begin and end with PAR1; it may be another format, or cut off."
        )
    length = int.from_bytes(tail[:4], "little")
    if length > size - 12:
        raise BusError("NOT_PARQUET", f"The footer claims {length} bytes in a file of {size}.")
    if length > MAX_FOOTER_BYTES:
        raise BusError(
            "TOO_LARGE",
            f"The footer has {length} bytes; {MAX_FOOTER_BYTES} are allowed.",
            hint="Write fewer, larger row groups.",
        )
    file.seek(size - 8 - length)
    return file.read(length)


def _num_rows(footer: bytes) -> int:
    reader = _CompactReader(footer)
    field = 0
    while True:
        header = reader.byte()
        kind = header & 0x0F
        if kind == 0:
            raise _Damaged("the number of rows is missing")
        field = field + (header >> 4) if header >> 4 else reader.zigzag()
        if field == _NUM_ROWS and kind == _I64:
            rows = reader.zigzag()
            if not 0 <= rows < 2**53:
                raise _Damaged(f"it claims {rows} rows")
            return rows
        reader.skip(kind, 1)


class _CompactReader:
    """A position in a footer. It never allocates memory for a length that is only claimed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        if self._at >= len(self._data):
            raise _Damaged("it ends in the middle of a value")
        self._at += 1
        return self._data[self._at - 1]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise _Damaged("a number has more than ten bytes")

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise _Damaged(f"something is nested more than {_MAX_DEPTH} levels deep")
        if kind in (1, 2):  # a boolean field: its type is its value
            return
        if kind == 3:
            self._advance(1)
        elif kind in (4, 5, _I64):
            self.varint()
        elif kind == 7:
            self._advance(8)
        elif kind == _BINARY:
            self._advance(self.varint())
        elif kind in (_LIST, _SET):
            self._skip_list(depth)
        elif kind == _STRUCT:
            self._skip_struct(depth)
        else:
            raise _Damaged(f"there is no wire type {kind} in a Parquet footer")

    def _skip_list(self, depth: int) -> None:
        header = self.byte()
        size = header >> 4 if header >> 4 != 15 else self.varint()
        if size > len(self._data) - self._at:
            raise _Damaged(f"a list claims {size} elements")
        element = header & 0x0F
        for _ in range(size):
            self.skip(3 if element in (1, 2) else element, depth + 1)  # in a list a boolean is a byte

    def _skip_struct(self, depth: int) -> None:
        while True:
            header = self.byte()
            if header & 0x0F == 0:
                return
            if header >> 4 == 0:
                self.varint()
            self.skip(header & 0x0F, depth + 1)

    def _advance(self, length: int) -> None:
        if length > len(self._data) - self._at:
            raise _Damaged("it ends in the middle of a value")
        self._at += length
