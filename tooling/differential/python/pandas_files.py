"""What pandas writes through pyarrow: its own types, indexes and object columns."""

import datetime
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa


def write(corpus, rng):
    whole = [1, 2, None, 2**62]
    series = {
        "Int64": pd.array(whole, dtype="Int64"),
        "UInt64": pd.array([0, 2**64 - 1, None, 2**63], dtype="UInt64"),
        "Int8": pd.array([-128, 127, None, 0], dtype="Int8"),
        "Float32": pd.array([1.5, None, -0.0, 0.1], dtype="Float32"),
        "float_nan": [1.5, float("nan"), -0.0, float("inf")],
        "boolean": pd.array([True, None, False, True], dtype="boolean"),
        "string": pd.array(["a", None, "", "ü"], dtype="string"),
        "object_text": pd.Series(["a", None, "", "ü"], dtype=object),
        "object_bytes": pd.Series([b"a", None, b"", b"\xff"], dtype=object),
        "object_decimal": pd.Series([Decimal("1.50"), None, Decimal("-0.01"), Decimal("99999999.99")], dtype=object),
        "object_date": pd.Series([datetime.date(2020, 2, 29), None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)], dtype=object),
        "object_time": pd.Series([datetime.time(0), None, datetime.time(23, 59, 59, 999999), datetime.time(12)], dtype=object),
        "object_uuid": pd.Series([uuid.UUID(int=rng.getrandbits(128)).bytes for _ in range(4)], dtype=object),
        "object_list": pd.Series([[1, 2], None, [], [None]], dtype=object),
        "object_dict": pd.Series([{"a": 1}, None, {"a": None}, {"a": 2}], dtype=object),
        "object_nothing": pd.Series([None] * 4, dtype=object),
        "category": pd.Categorical(["b", "a", None, "b"]),
        "category_numbers": pd.Categorical([3, 1, None, 3]),
        "period": pd.period_range("2020-01", periods=4, freq="M"),
        "interval": pd.interval_range(0, 4),
    }
    for unit in ("s", "ms", "us", "ns"):
        stamps = np.array([0, -1, 10**6 + 1, 1_600_000_000], dtype=f"datetime64[{unit}]")
        series[f"datetime_{unit}"] = stamps
        if unit != "ns":
            series[f"zoned_{unit}"] = pd.Series(stamps).dt.tz_localize("UTC")
            series[f"new_york_{unit}"] = pd.Series(stamps).dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    for name, values in series.items():
        frame = pd.DataFrame({name: values})
        refusable = {name: "period and interval are types of pandas"} if name in ("period", "interval") else {}
        corpus.write(name, lambda path, frame=frame: frame.to_parquet(path, engine="pyarrow") or "engine pyarrow", refusable)
    corpus.write("all", lambda path: pd.DataFrame({k: v for k, v in series.items() if k not in ("period", "interval")}).to_parquet(path, engine="pyarrow", compression="gzip"))
    arrow = {
        "arrow_list": pd.array([[1, None], None, []], dtype=pd.ArrowDtype(pa.list_(pa.int16()))),
        "arrow_struct": pd.array([{"a": 1, "b": "x"}, None, {"a": None, "b": ""}], dtype=pd.ArrowDtype(pa.struct([("a", pa.uint8()), ("b", pa.string())]))),
        "arrow_map": pd.array([[("a", 1.5)], None, []], dtype=pd.ArrowDtype(pa.map_(pa.string(), pa.float32()))),
        "arrow_decimal": pd.array([Decimal("1.50"), None, Decimal("-0.01")], dtype=pd.ArrowDtype(pa.decimal128(30, 2))),
        "arrow_time": pd.array([datetime.time(1, 2, 3, 4), None, datetime.time(0)], dtype=pd.ArrowDtype(pa.time64("us"))),
        "arrow_zoned": pd.array([datetime.datetime(2020, 2, 29, tzinfo=datetime.timezone.utc), None], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))),
        "complete_int16": np.array([-(2**15), 2**15 - 1], dtype="int16"),
        "half": np.array([1.5, -0.0, np.inf], dtype="float16"),
    }
    for name, values in arrow.items():
        corpus.write(name, lambda path, values=values, name=name: pd.DataFrame({name: values}).to_parquet(path, engine="pyarrow"))
    for name in ("Int64", "UInt64", "Float32", "boolean", "string", "category", "datetime_us", "zoned_us"):
        corpus.write(f"{name}_by_fastparquet", lambda path, name=name: pd.DataFrame({name: series[name]}).to_parquet(path, engine="fastparquet") or "engine fastparquet")
    corpus.write("int96", lambda path: pd.DataFrame({"t": series["datetime_us"]}).to_parquet(path, use_deprecated_int96_timestamps=True) or "INT96")
    lasting = pd.DataFrame({"timedelta": np.array([1, -1, 0], dtype="timedelta64[ns]")})
    corpus.write("timedelta", lambda path: lasting.to_parquet(path), {"timedelta": "Parquet has no durations"})
    plain = pd.DataFrame({"v": [1.5, 2.5, 3.5]})
    indexes = {
        "named_index": plain.set_index(pd.Index(["x", "y", "z"], name="key")),
        "unnamed_index": plain.set_index(pd.Index(["x", "y", "z"])),
        "multi_index": plain.set_index(pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("c", 3)], names=["k", None])),
        "time_index": plain.set_index(pd.date_range("2020-01-01", periods=3, tz="UTC", unit="us", name="ts")),
        "no_rows": plain.iloc[:0],
        "no_columns_but_index": plain[[]].set_index(pd.Index([1, 2, 3], name="only")),
    }
    for name, frame in indexes.items():
        corpus.write(name, lambda path, frame=frame: frame.to_parquet(path, index=True))
