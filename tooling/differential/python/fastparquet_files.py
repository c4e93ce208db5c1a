"""What fastparquet writes, whose metadata differs from that of others."""

import fastparquet
import numpy as np
import pandas as pd


def write(corpus, rng):
    frames = {
        "int64": {"v": np.array([1, -1, 2**62], dtype="int64")},
        "int32": {"v": np.array([1, -1, 2**31 - 1], dtype="int32")},
        "int8": {"v": np.array([1, -1, -128], dtype="int8")},
        "uint8": {"v": np.array([1, 0, 255], dtype="uint8")},
        "uint32": {"v": np.array([1, 0, 2**32 - 1], dtype="uint32")},
        "uint64": {"v": np.array([1, 0, 2**64 - 1], dtype="uint64")},
        "int16": {"v": np.array([1, -1, -(2**15)], dtype="int16")},
        "uint16": {"v": np.array([1, 0, 2**16 - 1], dtype="uint16")},
        "category_numbers": {"v": pd.Categorical([3, 1, 3])},
        "datetime_ms": {"v": np.array([0, 10**3, 1_600_000_000_123], dtype="datetime64[ms]")},
        "nullable_bool": {"v": pd.array([True, None, False], dtype="boolean")},
        "nullable_string": {"v": pd.array(["a", None, ""], dtype="string")},
        "float32": {"v": np.array([1.5, -0.0, np.nan, np.inf], dtype="float32")},
        "float64": {"v": np.array([1.5, -0.0, np.nan, np.inf])},
        "bool": {"v": [True, False, True]},
        "text": {"v": pd.Series(["a", "", "ü", None], dtype=object)},
        "bytes": {"v": pd.Series([b"a", b"", b"\xff", None], dtype=object)},
        "category": {"v": pd.Categorical(["b", "a", "b"])},
        "datetime_ns": {"v": np.array([0, 10**9, 1_600_000_000_123_456_789], dtype="datetime64[ns]")},
        "datetime_us": {"v": np.array([0, 10**6, 1_600_000_000_123_456], dtype="datetime64[us]")},
        "zoned": {"v": pd.Series(np.array([0, 10**6], dtype="datetime64[us]")).dt.tz_localize("UTC")},
        "nullable": {"v": pd.array([1, None, 2**62], dtype="Int64")},
        "json": {"v": pd.Series([{"a": 1}, [1, 2], None], dtype=object)},
    }
    for name, columns in frames.items():
        encoding = {"text": "utf8", "bytes": "bytes", "json": "json"}.get(name, "infer")
        for times in ("int64", "int96") if "date" in name or name == "zoned" else ("int64",):
            compression = rng.choice([None, "SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4_RAW"])

            def written(path, columns=columns, encoding=encoding, times=times, compression=compression):
                fastparquet.write(path, pd.DataFrame(columns), compression=compression, object_encoding=encoding, times=times, write_index=False)
                return f"compression={compression}, times={times}"

            refusable = {"v": "nanoseconds of INT96"} if times == "int96" and name.startswith("datetime") else {}
            corpus.write(f"{name}_{times}", written, refusable)
    plain = pd.DataFrame({"n": np.arange(40), "x": np.arange(40) / 3, "s": [f"text {i % 3}" for i in range(40)]})
    for label, chosen in {
        "no_nulls": {"has_nulls": False},
        "no_stats": {"stats": False},
        "fixed_text": {"fixed_text": {"s": 6}},
        "row_groups": {"row_group_offsets": [0, 7, 9, 33]},
    }.items():
        corpus.write(label, lambda path, chosen=chosen: fastparquet.write(path, plain, object_encoding="utf8", write_index=False, **chosen) or str(chosen))
    lasting = pd.DataFrame({"v": np.array([1, -1, 0], dtype="timedelta64[ns]")})
    corpus.write("timedelta", lambda path: fastparquet.write(path, lasting, write_index=False), {"v": "Parquet has no durations"})
    wide = pd.DataFrame({name: pd.Series(columns["v"]).reindex(range(3)) for name, columns in frames.items() if name not in ("json", "bytes", "nullable", "zoned")})
    corpus.write("index", lambda path: fastparquet.write(path, wide, write_index=True, object_encoding={"text": "utf8"}, row_group_offsets=[0, 2]))
