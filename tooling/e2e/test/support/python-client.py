"""Writes the same values with pandas, Polars, pyarrow and DuckDB through `Bus.write`, and compares
what the bus has with the values. Prints the names of the checks that held."""

from __future__ import annotations

import os
import struct
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from quantbot_bus import Bus, BusError

UTC = timezone.utc
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("large", pa.uint64()),
        ("price", pa.float64()),
        ("flag", pa.bool_()),
        ("name", pa.string()),
        ("content", pa.binary()),
        ("amount", pa.decimal128(38, 4)),
        ("day", pa.date32()),
        ("at_us", pa.timestamp("us")),
        ("at_ns", pa.timestamp("ns")),
        ("at_utc", pa.timestamp("us", tz="UTC")),
        ("clock", pa.time64("us")),
        ("tags", pa.list_(pa.int64())),
        ("point", pa.struct([("x", pa.int64()), ("label", pa.string())])),
    ]
)
ROWS: list[dict[str, Any]] = [
    {
        "id": 2**63 - 1,
        "large": 2**64 - 1,
        "price": 0.1,
        "flag": True,
        "name": "ü 🙂",
        "content": b"\x00\xff",
        "amount": Decimal("9999999999999999999999999999999999.9999"),
        "day": date(9999, 12, 31),
        "at_us": datetime(1900, 1, 1, 0, 0, 0, 1),
        "at_ns": 1_700_000_000_123_456_789,
        "at_utc": datetime(2026, 3, 29, 1, 30, 0, 123456, UTC),
        "clock": time(23, 59, 59, 999999),
        "tags": [2**53 + 1, None],
        "point": {"x": 2**60 + 1, "label": None},
    },
    {
        "id": -(2**53) - 1,
        "large": 2**53 + 1,
        "price": -0.0,
        "flag": False,
        "name": "",
        "content": b"",
        "amount": Decimal("-0.0001"),
        "day": date(1, 1, 1),
        "at_us": datetime(2200, 1, 1),
        "at_ns": -1,
        "at_utc": datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        "clock": time(0),
        "tags": [],
        "point": {"x": None, "label": ""},
    },
    {name: None for name in SCHEMA.names},
]
TABLE = pa.Table.from_pylist(ROWS, SCHEMA)


def frames() -> dict[str, object]:
    exact = pd.DataFrame({name: pd.Series(TABLE[name], dtype=pd.ArrowDtype(TABLE[name].type)) for name in SCHEMA.names})
    polars = pl.from_arrow(TABLE)
    assert isinstance(polars, pl.DataFrame)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.register("source", TABLE)
    return {
        "pyarrow": TABLE,
        "batches": TABLE.to_reader(max_chunksize=1),
        "pandas": exact,
        "polars": polars,
        "lazy": polars.lazy(),
        "duckdb": con.sql("FROM source"),
        "capsule": Capsule(TABLE),
    }


class Capsule:
    """A table of a library that this package has never heard of."""

    def __init__(self, table: pa.Table) -> None:
        views = {pa.string(): pa.string_view(), pa.binary(): pa.binary_view()}
        self._table = table.cast(pa.schema([field.with_type(views.get(field.type, field.type)) for field in SCHEMA]))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def check_writing(bus: Bus) -> list[str]:
    held = []
    for name, frame in frames().items():
        table = "exact_polars" if isinstance(frame, (pl.DataFrame, pl.LazyFrame)) else "exact"  # its times have ns
        receipt = bus.write(frame, producer=name, kind="values", run_id="exact", table=table)
        (artifact,) = receipt.artifacts
        found = pq.ParquetFile(artifact.canonical_path).read()
        assert found.column_names == SCHEMA.names, (name, found.column_names)
        assert same(found.cast(SCHEMA), TABLE), (name, found.to_pylist())
        held.append(f"write {name}")
    return held


def same(one: pa.Table, other: pa.Table) -> bool:
    """Compares tables bit by bit: -0.0 is not 0.0."""
    bits = [str(table["price"].cast(pa.string()).to_pylist()) for table in (one, other)]
    return bool(one.equals(other)) and bits[0] == bits[1]


def check_reading(bus: Bus) -> list[str]:
    """Artifacts are read as pyarrow reads them; the canonical table has the same values."""
    held = []
    for name in ("pyarrow", "polars", "duckdb"):
        artifact = bus.latest(name, "values")
        assert artifact is not None
        file = pq.ParquetFile(artifact.path).read()
        assert artifact.arrow().equals(file), name
        assert same(artifact.pl().to_arrow().cast(SCHEMA), TABLE), name
        assert same(artifact.rel().to_arrow_table().cast(SCHEMA), TABLE), name
        frame = artifact.df()
        assert frame.astype(object).where(frame.notna(), None)["id"].tolist() == [2**63 - 1, -(2**53) - 1, None], name
        assert list(frame["tags"][0]) == [2**53 + 1, None] and frame["point"][0]["x"] == 2**60 + 1, name
        assert same(pa.Table.from_pandas(artifact.df(dtype_backend="pyarrow")).cast(SCHEMA), TABLE), name
        table = "exact_polars" if name == "polars" else "exact"
        columns = ", ".join(SCHEMA.names)
        shown = bus.query(f"SELECT {columns} FROM canon.{table} WHERE _artifact_key = ?", [artifact.key])
        assert same(shown.arrow().cast(SCHEMA), TABLE), (name, shown.rows())
        assert same(shown.pl().to_arrow().cast(SCHEMA), TABLE), name
        held.append(f"read {name}")
    return held


def check_pandas_of_numpy(bus: Bus) -> list[str]:
    """Frames with the types that pandas gives by itself, with an index that is data."""
    frame = pd.DataFrame(
        {
            "n": pd.array([2**60 + 1, None, -1], dtype="Int64"),
            "kind": pd.Categorical(["a", None, "b"]),
            "at": pd.to_datetime(["2026-01-31T12:00:00.123456", None, "1969-12-31"], format="ISO8601"),
            "took": pd.to_timedelta([1, None, 86_400_000_000], unit="us"),
        },
        index=pd.Index(["x", "y", "z"], name="token"),
    )
    (artifact,) = bus.write(frame, producer="numpy", kind="values", run_id="exact").artifacts
    pd.testing.assert_frame_equal(pd.read_parquet(artifact.canonical_path), frame)
    found = bus.latest("numpy", "values")
    assert found is not None
    pd.testing.assert_frame_equal(found.df(), frame)
    return ["pandas round trip"]


def check_rows(bus: Bus) -> list[str]:
    rows = [{"n": 2**53 + 1}, {"name": "ü"}, {"n": None, "name": "b"}]
    (artifact,) = bus.write(rows, producer="rows", kind="values").artifacts
    found = pq.ParquetFile(artifact.canonical_path).read().to_pylist()
    assert found == [{"n": 2**53 + 1, "name": None}, {"n": None, "name": "ü"}, {"n": None, "name": "b"}], found
    return ["write rows"]


def check_refusals(bus: Bus) -> list[str]:
    held = []
    refused = {
        "an interval": duckdb.sql("SELECT INTERVAL 1 MONTH AS x"),
        "bits in a struct": duckdb.sql("SELECT {'b': '101'::BIT} AS x"),
        "39 digits": duckdb.sql("SELECT 170141183460469231731687303715884105727::HUGEINT AS x"),
        "mixed objects": pd.DataFrame({"x": [1, "a"]}),
        "a column twice": pd.DataFrame([[1, 2]], columns=["x", "x"]),
        "a date64 with a time of day": pa.table({"x": pa.array([86_400_001], pa.int64()).view(pa.date64())}),
        "Python objects of Polars": pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)}),
        "128 bits of Polars": pl.DataFrame({"x": pl.Series([1], dtype=pl.Int128)}),
        "128 bits within Polars": pl.DataFrame({"x": [[{"y": 1}]]}, {"x": pl.List(pl.Struct({"y": pl.Int128}))}),
        "nanoseconds in a list": {"x": [pd.Timestamp("2026-01-02 03:04:05.000000001")]},
        "a duration of a nanosecond": {"x": [pd.Timedelta(1, "ns")]},
        "a datetime after a date": {"x": [date(2026, 1, 2), datetime(2026, 1, 2, 3)]},
        "a zone after none": {"x": [datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=timezone.utc)]},
        "a time with a zone": [{"x": {"y": [time(1, tzinfo=timezone.utc)]}}],
        "a bool among floats": {"x": [1.5, True]},
        "text among bytes": {"x": [b"a", "b"]},
    }
    for name, frame in refused.items():
        try:
            bus.write(frame, producer="refused", kind="values")
        except BusError as error:
            assert error.code == "VALUE_INVALID" and error.hint, (name, error.code)
            assert "128" not in name or "column x " in str(error), error
            held.append(f"refused {name}")
    return held


def check_wrong_statistics(bus: Bus) -> list[str]:
    path = Path("lies.parquet")
    pq.write_table(pa.table({"x": [1, 2, 777_777]}), path)
    content = path.read_bytes()
    footer = len(content) - 8 - struct.unpack("<i", content[-8:-4])[0]
    lies = content[footer:].replace(struct.pack("<q", 777_777), struct.pack("<q", 5))
    assert lies != content[footer:]
    path.write_bytes(content[:footer] + lies)
    bus.submit(path, producer="lies", kind="lies").settled(60)
    rows = bus.latest("lies", "lies").rel()
    assert rows.filter("x > 100").fetchall() == [(777_777,)]
    assert rows.order("x DESC").fetchall() == [(777_777,), (2,), (1,)]
    return ["read a file with wrong statistics"]


def check_nested_dictionaries(bus: Bus) -> list[str]:
    path = Path("dictionaries.parquet")
    rows = [["a", "b"], None, ["c"]]
    column = pa.array(rows, pa.list_(pa.dictionary(pa.int8(), pa.string())))
    pq.write_table(pa.table({"x": column}), path, row_group_size=1)
    bus.submit(path, producer="nested", kind="dictionaries").settled(60)
    artifact = bus.latest("nested", "dictionaries")
    assert artifact.arrow()["x"].to_pylist() == rows
    assert [None if x is None else list(x) for x in artifact.df()["x"]] == rows
    return ["read dictionaries inside of lists from several row groups"]


def check_unfit(bus: Bus) -> list[str]:
    path = Path("unfit.parquet")
    time, day = pa.array([1], pa.time64("ns")), pa.array([-719529], pa.date32())
    pq.write_table(pa.table({"fine": [1], "the time": time, "the day": day}), path)
    bus.submit(path, producer="unfit", kind="times").settled(60)
    artifact = bus.latest("unfit", "times")
    try:
        artifact.df()
    except BusError as error:
        assert error.code == "READ_FAILED" and "the time" in str(error) and ".arrow()" in error.hint, error
    else:
        raise AssertionError("a nanosecond was lost")
    for kept in (artifact.arrow(), pa.Table.from_pandas(artifact.df(dtype_backend="pyarrow"))):
        assert kept["the time"].combine_chunks().equals(time)
        assert kept["the day"].combine_chunks().equals(day)
    return ["a time that pandas cannot hold is an error with its column"]


def check_panic(bus: Bus) -> list[str]:
    path = Path("views.parquet")
    pq.write_table(pa.table({"x": pa.array([[1], [2, 3]], pa.list_view(pa.int64()))}), path)
    bus.submit(path, producer="views", kind="lists").settled(60)
    artifact = bus.latest("views", "lists")
    assert artifact.arrow().to_pylist() == [{"x": [1]}, {"x": [2, 3]}]
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)  # a panic prints itself
        rows = artifact.pl().to_dicts()
    except BusError as error:
        assert error.code == "READ_FAILED" and ".arrow()" in error.hint, error
    else:
        assert rows == [{"x": [1]}, {"x": [2, 3]}]  # a later Polars may have it
    finally:
        os.dup2(kept, 2)
    return ["a panic of Polars is an error of reading"]


if __name__ == "__main__":
    with Bus("data/bus") as opened:
        reading = (check_reading, check_wrong_statistics, check_nested_dictionaries, check_unfit, check_panic)
        for check in (check_writing, check_rows, check_pandas_of_numpy, check_refusals, *reading):
            print("\n".join(check(opened)))
