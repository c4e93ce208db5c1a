"""Reads values through `Bus` that a library would turn into others, and compares the errors. Prints
the names of the checks that held."""

from __future__ import annotations

import os
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from quantbot_bus import Bus, BusError


def refusal(call: Any) -> BusError:
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)  # a panic prints itself
        found = call()
    except BusError as error:
        return error
    finally:
        os.dup2(kept, 2)
    raise AssertionError(f"it was not refused: {found}")


def check_lost_by_polars(bus: Bus) -> list[str]:
    """Values that Polars turns into others, without a word."""
    wide = pa.array([[Decimal("1.50")], [Decimal("-2.25"), Decimal("0.01")]], pa.list_(pa.decimal256(20, 2)))
    late = pa.array([86_400_000_000, None], pa.time64("us"))
    columns = {
        "late": late,
        "early": pa.StructArray.from_arrays([pa.array([-1, 0], pa.time64("us"))], names=["t"]),
        "twice": pa.array([[("a", 1), ("a", 2)], []], pa.map_(pa.string(), pa.int64())),
        "wide": wide,
    }
    for name, values in columns.items():
        path = Path(f"{name}.parquet")
        pq.write_table(pa.table({"fine": [1, 2], name: values}), path)
        bus.submit(path, producer="polars", kind=name).settled(60)
        artifact = bus.latest("polars", name)
        error = refusal(artifact.pl)
        assert error.code == "READ_FAILED" and f"column {name}:" in str(error) and ".arrow()" in error.hint, error
        assert artifact.arrow()[name].combine_chunks().equals(values), name
    fine = pa.table(
        {
            "clock": pa.array([0, 86_399_999_999, None], pa.time64("us")),
            "m": pa.array([[("a", 1), ("b", 2)], [], None], pa.map_(pa.string(), pa.int64())),
            "d": pa.array([[Decimal("1.50")], [], None], pa.list_(pa.decimal128(20, 2))),
        }
    )
    pq.write_table(fine, "kept.parquet")
    bus.submit(Path("kept.parquet"), producer="polars", kind="kept").settled(60)
    assert bus.latest("polars", "kept").pl()["clock"].to_list() == [time(0), time(23, 59, 59, 999999), None]
    assert bus.query("SELECT TIME '23:59:59' AS t, NULL::TIME AS n").pl().rows() == [(time(23, 59, 59), None)]
    assert refusal(bus.query("SELECT [TIME '24:00:00'] AS t").pl).code == "READ_FAILED"
    return ["refused what Polars would change"]


def check_lost_by_arrow(bus: Bus) -> list[str]:
    """Values of DuckDB that Arrow cannot hold."""
    lost = {
        "340282366920938463463374607431768211455::UHUGEINT": "38 digits",
        "-170141183460469231731687303715884105727::HUGEINT": "38 digits",
        "TIMETZ '12:00:00+05:30'": "offset",
        "[TIMETZ '12:00:00-00:30']": "offset",
        "INTERVAL '2562048 hours'": "nanoseconds",
        "{'i': INTERVAL '-40000000 hours'}": "nanoseconds",
    }
    for value, why in lost.items():
        for call in (bus.query(f"SELECT 1 AS n, {value} AS v").arrow, bus.query(f"SELECT {value} AS v").df):
            error = refusal(call)
            assert error.code == "QUERY_FAILED" and "The column v has a value with" in str(error) and why in str(error), error
    variant = bus.query("SELECT 1 AS n, [5::VARIANT] AS v")
    try:
        variant.arrow()  # DuckDB 2 can
    except BusError as error:
        assert error.code == "QUERY_FAILED" and "The column v has the type VARIANT" in str(error), error
    kept = {
        "99999999999999999999999999999999999999::UHUGEINT": Decimal(10**38 - 1),
        "sum(x) FROM (VALUES (9223372036854775807), (1)) t(x)": Decimal(2**63),
        "'0101'::BIT": "0101",
        "1234567890123456789012345678901234567890::BIGNUM": "1234567890123456789012345678901234567890",
        "TIMETZ '12:00:00+00'": time(12),
        "[{'b': '1'::BIT, 'B 2': MAP {'k': 1::UHUGEINT}}]": [{"b": "1", "B 2": [("k", Decimal(1))]}],
    }
    for value, expected in kept.items():
        assert bus.query(f"SELECT {value}").arrow().column(0).to_pylist() == [expected], value
    twice = bus.query("SELECT $1::BIT AS x, 2 AS x -- a comment", ["01"]).arrow()
    assert (twice.column_names, twice.column(0).to_pylist(), twice.column(1).to_pylist()) == (["x", "x"], ["01"], [2])
    assert bus.query("SELECT INTERVAL '2562046 hours 1 month' AS i").arrow().num_rows == 1
    return ["refused what Arrow would change"]


def check_lost_by_duckdb(bus: Bus) -> list[str]:
    path = Path("digits.parquet")
    wide = pa.array([[Decimal("1.50")]], pa.list_(pa.decimal256(50, 2)))
    pq.write_table(pa.table({"fine": [1], "digits": wide}), path)
    bus.submit(path, producer="digits", kind="lists").settled(60)
    error = refusal(bus.latest("digits", "lists").rel)
    assert error.code == "READ_FAILED" and "column digits" in str(error) and "50 digits" in str(error), error
    return ["refused what DuckDB would change"]


def check_lost_by_pandas(bus: Bus) -> list[str]:
    path = Path("fields.parquet")
    pair = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["q", "q"])
    pq.write_table(pa.table({"fine": [1], "pair": pa.ListArray.from_arrays([0, 1], pair)}), path)
    bus.submit(path, producer="fields", kind="lists").settled(60)
    error = refusal(bus.latest("fields", "lists").df)
    assert error.code == "READ_FAILED" and "column pair" in str(error) and ".arrow()" in error.hint, error
    return ["refused what pandas would change"]


def check_metadata(bus: Bus) -> list[str]:
    path = Path("metadata.parquet")
    named = {b"pandas": b'{"index_columns": ["gone"], "columns": [], "column_indexes": []}'}
    pq.write_table(pa.table({"x": [1, None]}).replace_schema_metadata(named), path)
    bus.submit(path, producer="metadata", kind="pandas").settled(60)
    assert bus.latest("metadata", "pandas").df()["x"].tolist() == [1, pd.NA]
    return ["read a file whose metadata names a column that it lacks"]


CHECKS = (check_lost_by_polars, check_lost_by_arrow, check_lost_by_pandas, check_lost_by_duckdb, check_metadata)

if __name__ == "__main__":
    with Bus("data/bus") as opened:
        for check in CHECKS:
            print("\n".join(check(opened)))
