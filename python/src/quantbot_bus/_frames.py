"""Writes data frames, and tables of any library with Arrow's PyCapsule interface, as Parquet."""

from __future__ import annotations

import errno
import importlib
import struct
from pathlib import Path
from typing import Any, Iterator, Mapping

from ._errors import BusError
from ._kept import check_kept
from ._small_parquet import write_small_parquet

COMPRESSION = "zstd"
_GROUP_ROWS = 122_880
"""Rows of a row group: DuckDB reads one with one thread."""
_NO_ARROW_TYPE = {
    "bit": "VARCHAR",
    "interval": "VARCHAR",
    "time with time zone": "VARCHAR",
    "time_ns": "BIGINT by epoch_us",
    "bignum": "VARCHAR",
    "uhugeint": "VARCHAR",
    "union": "JSON",
    "variant": "JSON",
    "geometry": "VARCHAR",
}
"""DuckDB's types that neither Arrow nor Parquet holds exactly, and what to cast them to."""


def library(name: str, extra: str, purpose: str) -> Any:
    """Imports a library that the package does not require.

    Raises BusError LIBRARY_MISSING.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BusError(
            "LIBRARY_MISSING",
            f"{purpose} needs {name.split('.')[0]}, which is not installed.",
            hint=f"Run `pip install 'quantbot-bus[{extra}]'`.",
        ) from error


def write_frame(data: object, path: Path) -> None:
    """Writes a data frame as Parquet. Every value is kept, or refused.

    Raises BusError OPTIONS_INVALID, VALUE_INVALID, LIBRARY_MISSING, DISK_FULL; OSError.
    """
    try:
        _write(data, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BusError("DISK_FULL", f"The data does not fit on the disk: {error}.") from error
        raise
    except (ValueError, TypeError, NotImplementedError, OverflowError, struct.error) as error:  # pyarrow's are such, too
        raise BusError("VALUE_INVALID", f"The data cannot be written as Parquet: {_first_line(error)}") from error


def _write(data: Any, path: Path) -> None:
    owner = type(data).__module__.split(".")[0].lstrip("_")
    if owner == "duckdb":
        _check_types(data)
    if not _has("pyarrow"):
        if isinstance(data, Mapping):
            write_small_parquet(path, data)
            return
        if owner == "polars":
            _frame_of_polars(data).write_parquet(path, compression=COMPRESSION)
            return
        if owner == "duckdb" and not _holds(data, "hugeint"):
            data.write_parquet(str(path), compression=COMPRESSION)
            return
    arrow = library("pyarrow", "arrow", "Writing a data frame")
    parquet = library("pyarrow.parquet", "arrow", "Writing a data frame")
    batches = _record_batches(arrow, data, owner)
    schema = _plain_schema(arrow, batches.schema)
    if len(schema) == 0:
        raise BusError("VALUE_INVALID", "The data has no columns.")
    # A decimal has 38 digits, and a HUGEINT may have 39. A date64 may have a time of day.
    may_not_fit = (owner == "duckdb" and _holds(data, "hugeint")) or "date64" in str(schema.types)
    with parquet.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for table in _row_groups(arrow, batches):
            if may_not_fit:
                table.validate(full=True)
            writer.write_table(table if table.schema.equals(schema) else table.cast(schema), _GROUP_ROWS)


def _record_batches(arrow: Any, data: object, owner: str) -> Any:
    if owner == "polars":  # its Arrow tables have types that every library knows
        return _frame_of_polars(data).to_arrow().to_reader()
    if hasattr(data, "__arrow_c_stream__"):
        return arrow.RecordBatchReader.from_stream(data)
    if owner == "pandas":  # pandas before 2.2
        return arrow.Table.from_pandas(data).to_reader()
    if isinstance(data, Mapping):
        return _table_of(arrow, data).to_reader()
    if isinstance(data, (list, tuple)) and data and all(isinstance(row, Mapping) for row in data):
        names = {name: None for row in data for name in row}  # in the order of their first row
        return _table_of(arrow, {name: [row.get(name) for row in data] for name in names}).to_reader()
    raise BusError(
        "OPTIONS_INVALID",
        f"A {type(data).__name__} is no data frame: it has no __arrow_c_stream__.",
        hint="Give a data frame of pandas, Polars, pyarrow or DuckDB, a dict of columns, or a list of dicts.",
    )


def _table_of(arrow: Any, columns: Mapping[str, Any]) -> Any:
    table = arrow.table(dict(columns))
    check_kept(columns, table)
    return table


def _row_groups(arrow: Any, batches: Any) -> Iterator[Any]:
    """Joins small batches, so that their number does not decide that of the row groups."""
    waiting: list[Any] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= _GROUP_ROWS:
            yield arrow.Table.from_batches(waiting, batches.schema)
            waiting, rows = [], 0
    if waiting:
        yield arrow.Table.from_batches(waiting, batches.schema)


def _plain_schema(arrow: Any, schema: Any) -> Any:
    """Replaces views of strings by strings: not every Parquet writer takes them."""
    fields = [schema.field(index) for index in range(len(schema))]
    return arrow.schema([field.with_type(_plain_type(arrow, field.type)) for field in fields], schema.metadata)


def _plain_type(arrow: Any, kind: Any) -> Any:
    types = arrow.types
    if types.is_string_view(kind):
        return arrow.large_string()
    if types.is_binary_view(kind):
        return arrow.large_binary()
    if types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return arrow.struct([field.with_type(_plain_type(arrow, field.type)) for field in fields])
    if types.is_list(kind):
        return arrow.list_(kind.value_field.with_type(_plain_type(arrow, kind.value_type)))
    if types.is_large_list(kind):
        return arrow.large_list(kind.value_field.with_type(_plain_type(arrow, kind.value_type)))
    return kind


def _frame_of_polars(data: Any) -> Any:
    collected = data.collect() if hasattr(data, "collect") else data
    frame = collected.to_frame() if hasattr(collected, "to_frame") else collected
    for name, kind in frame.schema.items():
        parts = {str(part) for part in _parts_of_polars(kind)}
        if "Object" in parts:  # Polars would write the addresses of the objects
            raise BusError("VALUE_INVALID", f"The column {name} has Python objects, which no file holds.")
        for wide in parts & {"Int128", "UInt128"}:
            raise BusError(
                "VALUE_INVALID",
                f"The column {name} has the type {wide}, which Arrow does not have.",
                hint="Cast it: `.cast(pl.Decimal(38, 0))`, or to a type that holds its values.",
            )
    return frame


def _parts_of_polars(kind: Any) -> Iterator[Any]:
    """A type, and all types within it."""
    yield kind
    inner = getattr(kind, "inner", None)
    if inner is not None:
        yield from _parts_of_polars(inner)
    for field in getattr(kind, "fields", ()):
        yield from _parts_of_polars(field.dtype)


def _check_types(relation: Any) -> None:
    for name, kind in zip(relation.columns, relation.types):
        for cast_from, cast_to in _NO_ARROW_TYPE.items():
            if cast_from in type_ids(kind):
                raise BusError(
                    "VALUE_INVALID",
                    f"The column {name} has the type {cast_from.upper()}, which cannot be written exactly.",
                    hint=f"CAST it to {cast_to}.",
                )


def _holds(relation: Any, wanted: str) -> bool:
    return any(wanted in type_ids(kind) for kind in relation.types)


def type_ids(kind: Any) -> Iterator[str]:
    """The names of a type of DuckDB and of all types in it."""
    yield str(kind.id)
    if kind.id in ("list", "array", "struct", "map"):
        for _, child in kind.children:
            if hasattr(child, "id"):  # the size of an array is a child, too
                yield from type_ids(child)


def _has(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
