"""Runs what docs/reference/type-hints.md says to type in pandas and polars. Prints the type that
DuckDB then reads in the file, and its values as text."""

import datetime
import itertools
import json
import sys
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
DAY = datetime.date(2026, 1, 2)
LARGE = 2**53 + 1
NUMBERS = itertools.count()

IN_POLARS = {
    "BIGINT": lambda: pl.Series([1, 0, None], dtype=pl.Int64),
    "UBIGINT": lambda: pl.Series([1, 0, None], dtype=pl.UInt64),
    "DOUBLE": lambda: pl.Series([1.0, 0.0, None], dtype=pl.Float64),
    "DECIMAL(18,4)": lambda: pl.Series([Decimal("1.0000"), Decimal(0), None], dtype=pl.Decimal(18, 4)),
    "VARCHAR": lambda: pl.Series(["1", "0", None], dtype=pl.String),
    "BLOB": lambda: pl.Series([b"1", b"0", None], dtype=pl.Binary),
    "BOOLEAN": lambda: pl.Series([True, False, None], dtype=pl.Boolean),
    "DATE": lambda: pl.Series([DAY, None], dtype=pl.Date),
    "TIMESTAMP": lambda: pl.Series([MOMENT, None], dtype=pl.Datetime("us")),
    "TIMESTAMP_NS": lambda: pl.Series([MOMENT, None], dtype=pl.Datetime("ns")),
    "TIMESTAMP WITH TIME ZONE": lambda: pl.Series([MOMENT, None], dtype=pl.Datetime("us", "UTC")),
}


def in_pandas(source):
    moments = pd.Series([MOMENT, None])
    return {
        "BIGINT": lambda: pd.Series([1, 0, None], dtype="Int64"),
        "UBIGINT": lambda: pd.Series([1, 0, None], dtype="UInt64"),
        "DOUBLE": lambda: pd.Series([1.0, 0.0, None]),
        "DECIMAL(18,4)": lambda: pd.Series([Decimal("1.0000"), Decimal(0), None]),
        "VARCHAR": lambda: pd.Series(["1", "0", None]),
        "BLOB": lambda: pd.Series([b"1", b"0", None]),
        "BOOLEAN": lambda: pd.Series([True, False, None], dtype="boolean"),
        "DATE": lambda: pd.Series([DAY, None]),
        "TIMESTAMP": lambda: moments.dt.as_unit("us"),
        "TIMESTAMP_NS": lambda: moments.dt.as_unit("ns"),
        "TIMESTAMP WITH TIME ZONE": lambda: moments.dt.as_unit("us").dt.tz_localize("UTC"),
    }[source]()


def large(source):
    """Integers that no float holds, beside a NULL."""
    return {"VARCHAR": [str(LARGE), None], "DECIMAL(18,4)": [Decimal(LARGE), None], "BIGINT": [LARGE, None]}[source]


def column(tool, source, target, exact):
    dates = source == "VARCHAR" and target.startswith(("DATE", "TIMESTAMP"))
    if tool == "pandas":
        if exact:
            return pd.Series(large(source), dtype="Int64" if source == "BIGINT" else "object")
        return pd.Series(["2026-01-02", None]) if dates else in_pandas(source)
    if exact:
        types = {"VARCHAR": pl.String, "DECIMAL(18,4)": pl.Decimal(38, 4), "BIGINT": pl.Int64}
        return pl.Series(large(source), dtype=types[source])
    return pl.Series(["2026-01-02", None]) if dates else IN_POLARS[source]()


def written(tool, pair, exact):
    path = f"{next(NUMBERS)}.parquet"  # DuckDB keeps what it has read of a path
    frame = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[tool]({"x": column(tool, pair["file"], pair["table"], exact)})
    names = {"df": frame, "pd": pd, "pl": pl, "Decimal": Decimal}
    exec(pair[tool], names)
    names["df"].to_parquet(path) if tool == "pandas" else names["df"].write_parquet(path)
    found = duckdb.sql(f"SELECT typeof(x), CAST(x AS VARCHAR) FROM '{path}'").fetchall()
    return {"type": found[0][0], "values": [value for _, value in found]}


def main():
    for pair in json.load(sys.stdin):
        exact = pair["file"] in ("VARCHAR", "DECIMAL(18,4)", "BIGINT") and pair["table"] in ("BIGINT", "UBIGINT")
        for tool in ("pandas", "polars"):
            print(json.dumps({"tool": tool, **pair, **written(tool, pair, False)}))
            if exact:
                print(json.dumps({"tool": tool, **pair, **written(tool, pair, True), "exact": str(LARGE)}))


main()
