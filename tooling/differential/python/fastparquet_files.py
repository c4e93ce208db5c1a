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
    wide = pd.DataFrame({name: pd.Series(columns["v"]).reindex(range(3)) for name, columns in frames.items() if name not in ("json", "bytes", "nullable", "zoned")})
    corpus.write("index", lambda path: fastparquet.write(path, wide, write_index=True, object_encoding={"text": "utf8"}, row_group_offsets=[0, 2]))
