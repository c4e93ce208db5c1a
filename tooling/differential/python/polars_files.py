"""What Polars writes with its own writer."""

import datetime
from decimal import Decimal

import polars as pl
from values import BYTES, FLOATS, TEXTS, integers


def write(corpus, rng):
    series = {f"{'' if signed else 'u'}int{bits}": pl.Series(integers(rng, bits, signed) + [None], dtype=getattr(pl, f"{'Int' if signed else 'UInt'}{bits}")) for bits in (8, 16, 32, 64) for signed in (True, False)}
    moment = datetime.datetime(2020, 2, 29, 12, 34, 56, 789012)
    moments = [moment, None, datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999)]
    near = [moment, None, datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)]
    series |= {
        "bool": pl.Series([True, None, False]),
        "float32": pl.Series([*FLOATS, None], dtype=pl.Float32),
        "float64": pl.Series([*FLOATS, None], dtype=pl.Float64),
        "string": pl.Series([*TEXTS, None]),
        "binary": pl.Series([*BYTES, None]),
        "date": pl.Series([datetime.date(2020, 2, 29), None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
        "time": pl.Series([datetime.time(0), None, datetime.time(23, 59, 59, 999999)]),
        "categorical": pl.Series(["b", "a", None, "b"], dtype=pl.Categorical),
        "enum": pl.Series(["b", "a", None, "b"], dtype=pl.Enum(["a", "b"])),
        "nothing": pl.Series([None, None], dtype=pl.Null),
        "decimal_10_2": pl.Series([Decimal("1.50"), None, Decimal("-99999999.99")], dtype=pl.Decimal(10, 2)),
        "decimal_38_10": pl.Series([Decimal("1.5"), None, Decimal("-1234567890123456789012345678.0123456789")], dtype=pl.Decimal(38, 10)),
        "list": pl.Series([[1, None], None, []], dtype=pl.List(pl.Int32)),
        "array": pl.Series([[1, None], None, [3, 4]], dtype=pl.Array(pl.Int64, 2)),
        "struct": pl.Series([{"a": 1, "b": "x"}, None, {"a": None, "b": None}]),
        "deep": pl.Series([[{"a": [[1], None, []]}, None], None, []], dtype=pl.List(pl.Struct({"a": pl.List(pl.List(pl.UInt16))}))),
        "float16": pl.Series([1.5, None, -0.0, 65504.0], dtype=pl.Float16),
        "decimal_4_0": pl.Series([Decimal(9999), None, Decimal(-1)], dtype=pl.Decimal(4, 0)),
        "array_of_struct": pl.Series([[{"d": datetime.date(2020, 2, 29)}, None], None], dtype=pl.Array(pl.Struct({"d": pl.Date}), 2)),
        "three_deep": pl.Series([[[[Decimal("1.5"), None]], []], None], dtype=pl.List(pl.List(pl.List(pl.Decimal(9, 2))))),
        "struct_of_times": pl.Series([{"t": datetime.time(1, 2, 3, 4), "s": {"b": b"\xff", "c": ["x", None]}}, None]),
        "list_of_nothing": pl.Series([[], None, [None]], dtype=pl.List(pl.Null)),
    }
    for unit in ("ms", "us", "ns"):
        series[f"datetime_{unit}"] = pl.Series(near if unit == "ns" else moments, dtype=pl.Datetime(unit))
        series[f"zoned_{unit}"] = pl.Series(near if unit == "ns" else moments, dtype=pl.Datetime(unit)).dt.replace_time_zone("UTC")
    for name, values in series.items():
        options = {
            "compression": rng.choice(["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"]),
            "statistics": rng.choice([True, False, "full"]),
            "row_group_size": rng.choice([None, 2]),
            "data_page_size": rng.choice([None, 16]),
        }

        def written(path, values=values, name=name, options=options):
            values.alias(name).to_frame().write_parquet(path, **options)
            return ", ".join(f"{k}={v}" for k, v in options.items())

        corpus.write(name, written)
    for name in ("uint64", "time", "decimal_38_10", "deep", "categorical"):
        corpus.write(f"{name}_by_pyarrow", lambda path, name=name: series[name].alias(name).to_frame().write_parquet(path, use_pyarrow=True) or "use_pyarrow")
    corpus.write("no_rows", lambda path: pl.DataFrame({name: values.clear() for name, values in series.items()}).write_parquet(path))
    lost = {
        "uint128": (pl.Series([1, None, 2**100], dtype=pl.UInt128), "an integer of 128 bits"),
        "int128": (pl.Series([1, None, 2**100], dtype=pl.Int128), "an integer of 128 bits"),
        "zoned_fine": (pl.Series([1, None, -1], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")), "nanoseconds with a zone"),
        **{f"duration_{unit}": (pl.Series([1, None, -1]).cast(pl.Duration(unit)), "Parquet has no durations") for unit in ("ms", "us", "ns")},
    }
    for name, (values, why) in lost.items():
        corpus.write(name, lambda path, values=values, name=name: values.alias(name).to_frame().write_parquet(path), {name: why})
