"""Keeps values that a library has no type for from changing on their way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Sequence

from ._database import Params, selected
from ._errors import BusError
from ._frames import library, type_ids
from ._queries import identifier, literal

_DIGITS = "DECIMAL(38,0)"
_EXACT_IN_ARROW = {"bit": "VARCHAR", "bignum": "VARCHAR", "hugeint": _DIGITS, "uhugeint": _DIGITS}
"""Types that DuckDB hands to Arrow as its own bytes, or with a wrong sign, and exact ones."""
_LOST_IN_ARROW = {
    "time with time zone": (r"\d\d:\d\d:\d\d(\.\d+)?[+-](0[1-9]|1\d|00:)", "an offset other than +00"),
    "interval": (
        r"([1-9]\d{7,}|[3-9]\d{6}|2[6-9]\d{5}|25[7-9]\d{4}|256[3-9]\d{3}|25620[5-9]\d|256204[7-9]):\d\d:\d\d",
        "more hours than 64 bits of nanoseconds",
    ),
}
"""Types of which Arrow holds only a part: the pattern of the texts of all others, and what they
have. Within a struct, a text that looks like one is refused, too."""
_NO_ARROW = re.compile(r"Unsupported type in DuckDB -> Arrow Conversion: (\w+)")
_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_MAX_DIGITS = 38


def selected_for_arrow(connection: Any, sql: str, params: Optional[Params]) -> Any:
    """The relation of a SELECT, with types that Arrow holds exactly. Its rows fail with
    QUERY_FAILED, and the name of the column, if a value has none."""
    relation = selected(connection, sql, params)
    columns = [f"c{place}" for place in range(len(relation.columns))]
    values = [
        _for_arrow(column, kind, name) for column, kind, name in zip(columns, relation.types, relation.columns)
    ]
    if values == columns:
        return relation
    named = [f"{value} AS {identifier(name)}" for value, name in zip(values, relation.columns)]
    inner = sql.strip().rstrip(";")
    return selected(connection, f"SELECT {', '.join(named)} FROM ({inner}\n) answer({', '.join(columns)})", params)


def arrow_table(answer: Any) -> Any:
    """The rows of a relation as a ``pyarrow.Table``.

    Raises BusError QUERY_FAILED for a column whose type this DuckDB cannot hand to Arrow."""
    try:
        # The name of DuckDB 1.5 and newer, then that of all before.
        return answer.to_arrow_table() if hasattr(answer, "to_arrow_table") else answer.fetch_arrow_table()
    except Exception as error:
        found = _NO_ARROW.search(str(error))
        columns = [name for name, kind in zip(answer.columns, answer.types) if found and found[1].lower() in type_ids(kind)]
        if found is None or not columns:
            raise
        raise BusError(
            "QUERY_FAILED",
            f"The column {columns[0]} has the type {found[1]}, which this DuckDB cannot turn into Arrow.",
            hint="CAST it to JSON, or run `pip install -U duckdb`.",
            details=str(error).splitlines(),
        ) from error


def _for_arrow(column: str, kind: Any, name: str) -> str:
    """SQL of the values of a column as Arrow holds them."""
    value = column
    types = set(type_ids(kind))
    if types & _EXACT_IN_ARROW.keys():
        exact = _exact_type(kind)
        fails = f"{column} IS NOT NULL AND TRY_CAST({column} AS {exact}) IS NULL"
        value = _unless(fails, f"CAST({column} AS {exact})", name, f"more than {_MAX_DIGITS} digits")
    for lost in sorted(types & _LOST_IN_ARROW.keys()):
        pattern, what = _LOST_IN_ARROW[lost]
        value = _unless(f"regexp_matches(CAST({column} AS VARCHAR), '{pattern}')", value, name, what)
    return value


def _unless(fails: str, value: str, name: str, what: str) -> str:
    sentence = f"The column {name} has a value with {what}, which Arrow cannot hold. CAST it to VARCHAR."
    return f"CASE WHEN {fails} THEN error({literal(sentence)}) ELSE {value} END"


def _exact_type(kind: Any) -> str:
    """The type in SQL, with exact types in the place of those that Arrow does not have."""
    if kind.id == "list":
        return f"{_exact_type(kind.children[0][1])}[]"
    if kind.id == "array":
        (_, inner), (_, size) = kind.children
        return f"{_exact_type(inner)}[{size}]"
    if kind.id == "map":
        (_, key), (_, value) = kind.children
        return f"MAP({_exact_type(key)}, {_exact_type(value)})"
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{identifier(name)} {_exact_type(child)}' for name, child in kind.children)})"
    return _EXACT_IN_ARROW.get(str(kind.id), str(kind))


def check_polars(table: Any, frame: Any) -> None:
    """Polars has no time of day but those before 24:00, and turns others into NULL. Of a map with
    a key twice it keeps one value. Inside of other types, it misreads decimals of 256 bits.

    Raises BusError READ_FAILED."""
    arrow = library("pyarrow", "arrow", "A time of day or a map in Polars")
    types = arrow.types
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        if types.is_nested(column.type) and any(True for _ in _parts(arrow, column, types.is_decimal256)):
            raise _unfit_for_polars(name, "a DECIMAL of 256 bits")
    kept = frame.to_arrow() if "Map" in str(frame.schema) else None
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        if any(_is_beyond_a_day(arrow, times) for times in _parts(arrow, column, types.is_time)):
            raise _unfit_for_polars(name, "a time that is not before 24:00:00")
        if kept is not None and _entries(arrow, column) != _entries(arrow, kept.column(place)):
            raise _unfit_for_polars(name, "a map with a key twice")


def _unfit_for_polars(name: str, what: str) -> BusError:
    sentence = f"Polars has no value for one in the column {name}: {what}."
    return BusError("READ_FAILED", sentence, hint="Read it with `.arrow()`.")


def _is_beyond_a_day(arrow: Any, times: Any) -> bool:
    compute = library("pyarrow.compute", "arrow", "A time of day in Polars")
    numbers = times.view(arrow.int32() if arrow.types.is_time32(times.type) else arrow.int64())
    found = compute.min_max(numbers).as_py()
    return found["min"] is not None and not 0 <= found["min"] <= found["max"] < _DAY[times.type.unit]


def _entries(arrow: Any, column: Any) -> int:
    return sum(len(entries.keys) for entries in _parts(arrow, column, arrow.types.is_map))


def _parts(arrow: Any, column: Any, is_wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """The arrays of a type in a column, at any depth."""
    types = arrow.types
    left = list(column.chunks)
    while left:
        array = left.pop()
        if is_wanted(array.type):
            yield array
        if types.is_dictionary(array.type):
            left.append(array.dictionary)
        elif types.is_map(array.type):
            left += [array.keys, array.items]
        elif types.is_struct(array.type):
            left += array.flatten()
        elif types.is_nested(array.type) and hasattr(array, "flatten"):
            left.append(array.flatten())


def has_fields_twice(kind: Any) -> bool:
    """Whether a type of Arrow has a struct with two fields of one name: a dict keeps one."""
    fields = [kind.field(place) for place in range(kind.num_fields)]
    return len({field.name for field in fields}) < len(fields) or any(has_fields_twice(field.type) for field in fields)


def check_digits(connection: Any, path: Path) -> None:
    """DuckDB reads a DECIMAL of more than 38 digits as a DOUBLE, or as other digits.

    Raises BusError READ_FAILED."""
    sql = f"SELECT name, num_children, precision FROM parquet_schema({literal(str(path))})"
    rows: Sequence[Sequence[Any]] = connection.execute(sql).fetchall()
    column, left = "", 0
    for name, children, precision in rows[1:]:
        if left == 0:
            column, left = name, 1
        left += (children or 0) - 1
        if (precision or 0) > _MAX_DIGITS:
            raise BusError(
                "READ_FAILED",
                f"DuckDB cannot read the column {column} of {path}: it is a DECIMAL of {precision} digits.",
                hint="Read it with `.arrow()`.",
            )
