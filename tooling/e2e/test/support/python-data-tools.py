"""Writes the same four rows with each of Python's data tools and each compression, and an empty
file of each, and submits them all.

Prints one JSON list: of each file its source (tool and compression), rows and job id. Run with the
folder for the files. """

import json
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from quantbot_bus import submit_artifact

BERLIN = ZoneInfo("Europe/Berlin")
COLUMNS = {
    "id": [1, 2**53 - 1, -(2**53 - 1), None],
    "small": [1, -(2**31), 2**31 - 1, None],
    "price": [0.1, -1.5e300, 5e-324, None],
    "flag": [True, False, True, None],
    "name": ["plain", "ü 🙂 'quoted'", "", None],
    "category": ["buy", "sell", "buy", None],
    "amount": [Decimal("12.5000"), Decimal("-99999999999999.9999"), Decimal("0.0001"), None],
    "day": [date(2026, 1, 31), date(1969, 12, 31), date(9999, 12, 31), None],
    "seen_at": [
        datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN),
        datetime(1969, 12, 31, 23, 59, 59, 123000, tzinfo=timezone.utc),
        datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-5))),
        None,
    ],
    "local_at": [datetime(2026, 1, 31, 12, 0, 0, 456000), datetime(1900, 1, 1), datetime(2200, 1, 1), None],
    "tags": [["a", "b"], [], ["ü", None], None],
    "point": [{"x": 1.5, "label": "p"}, {"x": None, "label": None}, {"x": -0.5, "label": ""}, None],
    "content": [b"\x00\xff", b"", b"bytes", None],
}
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("small", pa.int32()),
        ("price", pa.float64()),
        ("flag", pa.bool_()),
        ("name", pa.string()),
        ("category", pa.dictionary(pa.int32(), pa.string())),
        ("amount", pa.decimal128(18, 4)),
        ("day", pa.date32()),
        ("seen_at", pa.timestamp("us", tz="Europe/Berlin")),
        ("local_at", pa.timestamp("us")),
        ("tags", pa.list_(pa.string())),
        ("point", pa.struct([("x", pa.float64()), ("label", pa.string())])),
        ("content", pa.binary()),
        ("source", pa.dictionary(pa.int8(), pa.string())),
    ]
)


def table(source: str, rows: int) -> pa.Table:
    columns = {name: values[:rows] for name, values in COLUMNS.items()}
    columns["source"] = [source] * rows
    arrays = []
    for field in SCHEMA:
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        array = pa.array(columns[field.name], type=plain)
        arrays.append(array.dictionary_encode().cast(field.type) if plain != field.type else array)
    return pa.table(arrays, schema=SCHEMA)


def with_pyarrow(path: Path, source: str, compression: str, rows: int) -> None:
    pq.write_table(table(source, rows), path, compression=compression, row_group_size=3, version="2.6")


def with_pandas(path: Path, source: str, compression: str, rows: int) -> None:
    frame = table(source, rows).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}.get)
    assert isinstance(frame["category"].dtype, pd.CategoricalDtype)
    frame.to_parquet(path, engine="pyarrow", compression=None if compression == "none" else compression, schema=SCHEMA)


def with_polars(path: Path, source: str, compression: str, rows: int) -> None:
    frame = pl.from_arrow(table(source, rows))
    assert frame.schema["seen_at"] == pl.Datetime("us", "Europe/Berlin")
    frame.write_parquet(path, compression="uncompressed" if compression == "none" else compression)


def with_duckdb(path: Path, source: str, compression: str, rows: int) -> None:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'America/New_York'")
    con.register("data", table(source, rows))
    codec = {"none": "uncompressed", "lz4": "lz4_raw"}.get(compression, compression)
    con.execute(f"COPY data TO '{path}' (FORMAT PARQUET, COMPRESSION {codec})")


TOOLS = {"pyarrow": with_pyarrow, "pandas": with_pandas, "polars": with_polars, "duckdb": with_duckdb}
COMPRESSIONS = ("none", "snappy", "gzip", "brotli", "lz4", "zstd")


def submitted(path: Path, source: str, rows: int) -> dict:
    submission = submit_artifact(
        run_id=source,
        producer=source.split("-")[0],
        kind="samples",
        artifact_id=path.stem,
        parquet=path,
        schema_hint="canon.samples",
        rows=rows,
    )
    return {"source": source, "rows": rows, "job_id": submission.job_id}


def main() -> None:
    folder = Path(sys.argv[1])
    done = []
    for tool, write in TOOLS.items():
        for compression in COMPRESSIONS:
            path = folder / f"{tool}-{compression}.parquet"
            write(path, path.stem, compression, 4)
            done.append(submitted(path, path.stem, 4))
        empty = folder / f"{tool}-empty.parquet"
        write(empty, empty.stem, "zstd", 0)
        done.append(submitted(empty, empty.stem, 0))
    print(json.dumps(done))


main()
