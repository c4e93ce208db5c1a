"""Reads files and queries as data frames."""

from __future__ import annotations

import os
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from ._bus_root import Origin
from ._database import Database, Params
from ._errors import BusError
from ._exact import arrow_table, check_digits, check_polars, has_fields_twice, selected_for_arrow
from ._frames import library
from ._queries import identifier, literal

_INTEGERS = {f"{sign.lower()}nt{bits}": f"{sign}nt{bits}" for sign in ("I", "UI") for bits in (8, 16, 32, 64)}
"""Arrow's integers, and pandas' types for those with gaps."""


class Result:
    """The rows of a query over the bus. Each call runs it, and so sees the newest commit."""

    def __init__(self, database: Database, sql: str, params: Optional[Params] = None) -> None:
        self._database = database
        self._sql = sql
        self._params = params

    def __repr__(self) -> str:
        return f"Result({self._sql!r})"

    @property
    def server(self) -> Origin:
        """The server or the object store that has the files; None if they are on this machine."""
        return self._database.server

    def rows(self) -> list[dict[str, Any]]:
        """The rows as dicts, with the values that DuckDB gives Python."""
        with self._database.answering(self._sql, self._params) as (connection, sql, params):
            answer = connection.execute(sql, params or [])
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row)) for row in answer.fetchall()]

    def arrow(self) -> Any:
        """A ``pyarrow.Table``."""
        library("pyarrow", "arrow", "A table of Arrow")
        with self._database.answering(self._sql, self._params) as (connection, sql, params):
            return arrow_table(selected_for_arrow(connection, sql, params))

    def df(self, *, dtype_backend: Optional[str] = None) -> Any:
        """A ``pandas.DataFrame``, with every digit: integers with NULLs have pandas' ``Int64`` and
        its likes. ``dtype_backend="pyarrow"`` keeps Arrow's types."""
        library("pandas", "pandas", "A data frame of pandas")
        return frame_of(self.arrow(), dtype_backend)

    def pl(self) -> Any:
        """A ``polars.DataFrame``."""
        polars = library("polars", "polars", "A data frame of Polars")
        table = self.arrow()
        with _read_by_polars("the rows"):
            frame = polars.from_arrow(table)
            check_polars(table, frame)
            return frame

    def rel(self) -> Any:
        """A ``duckdb.DuckDBPyRelation``, to go on with in DuckDB. It keeps its database open, and
        is of one thread. Needs DuckDB 1.5."""
        return self._database.relation(self._sql, self._params)


Ask = Callable[[str, list[Any]], Result]
"""A question to a catalog: SQL and its parameters."""


def read_arrow(path: Path) -> Any:
    """A Parquet file as a ``pyarrow.Table``, as pyarrow reads it."""
    _must_be_there(path)
    parquet = library("pyarrow.parquet", "arrow", "A table of Arrow")
    arrow = library("pyarrow", "arrow", "A table of Arrow")
    try:
        with parquet.ParquetFile(path) as file:
            try:
                return file.read()
            except NotImplementedError:
                # Inside of lists, pyarrow cannot join the dictionaries of several row groups.
                return arrow.concat_tables([file.read_row_group(number) for number in range(file.num_row_groups)])
    except arrow.ArrowException as error:
        hint = "Read it as DuckDB does: `.rel()`."
        raise BusError("READ_FAILED", f"pyarrow cannot read {path}: {error}.", hint=hint) from error


def read_df(path: Path, dtype_backend: Optional[str]) -> Any:
    """A Parquet file as a ``pandas.DataFrame``. See :meth:`Result.df`."""
    library("pandas", "pandas", "A data frame of pandas")
    return frame_of(read_arrow(path), dtype_backend)


def read_pl(path: Path) -> Any:
    """A Parquet file as a ``polars.DataFrame``."""
    _must_be_there(path)
    polars = library("polars", "polars", "A data frame of Polars")
    with _read_by_polars(str(path)):
        frame = polars.read_parquet(path, hive_partitioning=False, glob=False)
    with _read_by_polars(str(path)):
        if any(_may_lack_values(kind, frame[name]) for name, kind in frame.schema.items()):
            check_polars(read_arrow(path), frame)
    return frame


@contextmanager
def _read_by_polars(what: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:  # a panic is no Exception
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] not in ("polars", "pyo3_runtime"):
            raise
        hint = "Read it as pyarrow or pandas does: `.arrow()`, `.df()`."
        raise BusError("READ_FAILED", f"Polars cannot read {what}: {error}.", hint=hint) from error


def _may_lack_values(kind: Any, column: Any) -> bool:
    """Whether a column may have values that Polars cannot hold: see check_polars."""
    text = str(kind)
    if not kind.is_nested():
        return text == "Time" and column.null_count() > 0
    return any(part in text for part in ("Time", "Map", "Decimal"))


def read_rel(path: Path) -> Any:
    """A Parquet file as a relation of DuckDB, in a database in memory of its own."""
    _must_be_there(path)
    duckdb = library("duckdb", "duckdb", "A relation of DuckDB")
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    check_digits(connection, path)
    relation = exact_relation(connection, str(path))
    weakref.finalize(relation, id, connection)  # DuckDB before 1.5 closes a connection that nothing names
    return relation


def exact_relation(connection: Any, path: str) -> Any:
    """A Parquet file as a relation that does not depend on the statistics of other writers.

    DuckDB trusts the minimum and maximum that a file states. If they are wrong, it loses rows and
    cuts values. An expression that is always true keeps it from using them.
    """
    relation = connection.read_parquet(path, hive_partitioning=False)
    file = literal(path)
    ((writer,),) = connection.execute(f"SELECT created_by FROM parquet_file_metadata({file})").fetchall()
    if str(writer).startswith("DuckDB"):
        return relation
    file_column = "_quantbot_file_of_row"
    while file_column in {name.lower() for name in relation.columns}:
        file_column += "_"
    names = [identifier(name) for name in relation.columns]
    values = [f"CASE WHEN length({file_column}) > 0 THEN {name} END AS {name}" for name in names]
    return connection.sql(
        f"SELECT {', '.join(values)} "
        f"FROM read_parquet({file}, hive_partitioning = false, filename = '{file_column}')"
    )


def frame_of(table: Any, dtype_backend: Optional[str] = None) -> Any:
    """Turns a table of Arrow into a data frame of pandas."""
    pandas = library("pandas", "pandas", "A data frame of pandas")
    if dtype_backend == "pyarrow":
        return table.to_pandas(types_mapper=pandas.ArrowDtype)
    if dtype_backend is not None:
        raise BusError("OPTIONS_INVALID", "dtype_backend: must be 'pyarrow' or None.")
    for name, column in zip(table.column_names, table.columns):
        if has_fields_twice(column.type):
            raise _no_value(name, "a struct with two fields of one name")
    try:
        frame = _to_pandas(table)
    except (ValueError, OverflowError, NotImplementedError) as error:  # pyarrow's are such, too
        raise _unfit(table) or error from error
    for name, column in zip(table.column_names, table.columns):
        kind = _INTEGERS.get(str(column.type))
        if kind is None or column.null_count == 0 or list(frame.columns).count(name) != 1:
            continue
        if frame[name].dtype == object:  # frames that pandas wrote bring their own types
            frame[name] = pandas.array(frame[name], dtype=kind)
    return frame


def _to_pandas(table: Any) -> Any:
    try:
        return table.to_pandas(integer_object_nulls=True)
    except KeyError:  # its metadata names a column of the index that it does not have
        return table.to_pandas(integer_object_nulls=True, ignore_metadata=True)


def _unfit(table: Any) -> Optional[BusError]:
    """The error of a column with a value for which pandas and Python have no object, such as a
    date before the year 1."""
    for place, name in enumerate(table.column_names):
        try:
            table.select([place]).to_pandas()
        except (ValueError, OverflowError, NotImplementedError) as error:
            return _no_value(name, error)
    return None


def _no_value(name: str, why: object) -> BusError:
    hint = 'Read it with `.arrow()`, or with `.df(dtype_backend="pyarrow")`.'
    return BusError("READ_FAILED", f"pandas has no value for one in the column {name}: {why}.", hint=hint)


def _must_be_there(path: Path) -> None:
    if not os.path.exists(path):
        raise BusError("FILE_NOT_FOUND", f"There is no file at {path}.")
