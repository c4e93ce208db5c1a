"""What pyarrow writes.

Each type has a file with options drawn at random. All types together have one in each compression
and version of page.
"""

import pyarrow as pa
import pyarrow.parquet as pq
from values import ROWS, array, nested_column, plain_columns, refusable_columns

COMPRESSIONS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
INTEGERS = ["PLAIN", "DELTA_BINARY_PACKED"]
TEXTS = ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]
SPLIT = "BYTE_STREAM_SPLIT"


def write(corpus, rng):
    columns = plain_columns(rng)
    for column in columns:
        one(corpus, rng, column, rng.random() < 0.5)
    for column in refusable_columns(rng):
        one(corpus, rng, column, False)
    for number in range(24):
        one(corpus, rng, nested_column(rng, f"nested_{number}"), True)
    for number, compression in enumerate(COMPRESSIONS * 2):
        wide(corpus, rng, columns, compression, "2.0" if number < len(COMPRESSIONS) else "1.0")
    split_integers(corpus, rng, columns)
    int96(corpus, rng, columns)
    more_options(corpus, rng, columns)
    odd_files(corpus, rng, columns)


def one(corpus, rng, column, with_null):
    table = pa.table({column.name: array(rng, column, with_null)})
    refusable = {column.name: column.refusable} if column.refusable else {}
    corpus.write(column.name, lambda path: options(rng, table, path), refusable)


def wide(corpus, rng, columns, compression, page):
    table = pa.table({column.name: array(rng, column, True) for column in columns})
    corpus.write(f"wide_{compression}", lambda path: options(rng, table, path, compression=compression, data_page_version=page))


def options(rng, table, path, **fixed):
    """Writes with options drawn at random, and says which."""
    use_dictionary = rng.random() < 0.5
    chosen = {
        "compression": rng.choice(COMPRESSIONS),
        "version": rng.choice(["1.0", "2.4", "2.6"]),
        "data_page_version": rng.choice(["1.0", "2.0"]),
        "use_dictionary": use_dictionary,
        "write_statistics": rng.random() < 0.7,
        "row_group_size": rng.choice([5, ROWS, 1000]),
        "data_page_size": rng.choice([16, 1 << 20]),
        "store_schema": rng.random() < 0.5,
        "store_decimal_as_integer": rng.random() < 0.5,
        "write_page_index": rng.random() < 0.5,
        "write_page_checksum": rng.random() < 0.5,
        "use_compliant_nested_type": rng.random() < 0.7,
        **fixed,
    }
    if any(needs_new(field.type) for field in table.schema):
        chosen["version"] = "2.6"  # the older ones have no such types
    if not use_dictionary:
        chosen["column_encoding"] = {
            field.name: rng.choice(found) for field in table.schema if (found := encodings(field.type, chosen["store_decimal_as_integer"]))
        } or None
    if chosen.get("column_encoding") is None:
        chosen.pop("column_encoding", None)
    pq.write_table(table, path, **chosen)
    return ", ".join(f"{name}={value}" for name, value in chosen.items())


def needs_new(kind):
    text = str(kind)
    return any(part in text for part in ("[ns", "uint32", "time64"))


def encodings(kind, decimal_as_integer):
    """The encodings that pyarrow and DuckDB both have for a type that is no group."""
    types = pa.types
    if types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType) or types.is_null(kind) or types.is_dictionary(kind):
        return None
    if types.is_boolean(kind):
        return ["PLAIN", "RLE"]
    if types.is_float16(kind):
        return ["PLAIN"]
    if types.is_floating(kind):
        return ["PLAIN", SPLIT]
    if types.is_decimal(kind):
        return INTEGERS if decimal_as_integer and kind.precision <= 18 else ["PLAIN"]
    if types.is_fixed_size_binary(kind):
        return ["PLAIN", "DELTA_BYTE_ARRAY"]
    if types.is_integer(kind) or types.is_temporal(kind):
        return INTEGERS
    return TEXTS


def split_integers(corpus, rng, columns):
    """DuckDB splits streams of floats alone."""
    for name in ("int32", "int64", "half", "fixed", "decimal_38_10", "timestamp_us"):
        column = next(c for c in columns if c.name == name)
        table = pa.table({name: array(rng, column, True)})

        def written(path, table=table, name=name):
            pq.write_table(table, path, use_dictionary=False, column_encoding={name: SPLIT})
            return SPLIT

        corpus.write(f"split_{name}", written, {name: "DuckDB splits streams of floats alone"})


def int96(corpus, rng, columns):
    for name in ("timestamp_us", "zoned_us", "timestamp_ns"):
        column = next(c for c in columns if c.name == name)
        values = [value for value in array(rng, column, True).cast(pa.int64()).to_pylist()]
        per_second = 10**9 if name.endswith("ns") else 10**6
        near = [None if v is None else v % (4 * 10**9 * per_second) for v in values]
        table = pa.table({name: pa.array(near, column.type)})

        def written(path, table=table):
            pq.write_table(table, path, use_deprecated_int96_timestamps=True, row_group_size=7)
            return "INT96"

        corpus.write(f"int96_{name}", written, {name: "INT96 with nanoseconds"} if name == "timestamp_ns" else {})


def more_options(corpus, rng, columns):
    """INT96 and types of extensions inside of others, times in UTC, and options that few use."""
    by_name = {column.name: column for column in columns}
    near = pa.array([0, 1, 1_600_000_000_123_456, None], pa.timestamp("us"))
    inside = {
        "int96_in_list": pa.ListArray.from_arrays([0, 2, 2, 4], near),
        "int96_in_struct": pa.StructArray.from_arrays([near, pa.array([1, None, 3, 4])], names=["at", "n"]),
        "int96_in_map": pa.MapArray.from_arrays([0, 1, 4], pa.array(["a", "b", "c", "d"]), near),
    }
    for name, made in inside.items():
        corpus.write(name, lambda path, made=made, name=name: pq.write_table(pa.table({name: made}), path, use_deprecated_int96_timestamps=True) or "INT96")
    for name in ("uuid", "json", "dictionary", "string_view"):
        leaf = array(rng, by_name[name], True)
        listed = pa.ListArray.from_arrays([0, 3, 3, len(leaf)], leaf)
        fields = pa.StructArray.from_arrays([listed, pa.array([1, None, 3])], names=["l", "n"])
        deep = pa.ListArray.from_arrays([0, 1, 3], fields)
        corpus.write(f"{name}_inside", lambda path, name=name, deep=deep: pq.write_table(pa.table({name: deep}), path) or "three deep")
    for unit in ("ms", "us"):
        times = pa.table({"time": array(rng, by_name[f"time_{unit}"], True)})
        corpus.write(f"time_utc_{unit}", lambda path, times=times: pq.write_table(times, path, write_time_adjusted_to_utc=True) or "times in UTC")
    in_utc = pa.table({"time": array(rng, by_name["time_ns"], True)})
    corpus.write("time_utc_ns", lambda path: pq.write_table(in_utc, path, write_time_adjusted_to_utc=True) or "times in UTC", {"time": "a time in UTC with nanoseconds"})
    views = pa.table({"v": array(rng, by_name["binary"], True).cast(pa.binary_view())})
    corpus.write("binary_view", lambda path: pq.write_table(views, path) or "binary views")
    whole = pa.table({name: array(rng, by_name[name], True) for name in ("int64", "double", "string", "date", "bool", "decimal_9_2")})
    for label, chosen in {
        "spark": {"flavor": "spark"},
        "bloom": {"bloom_filter_options": {"int64": True, "string": True}},
        "chunked_by_content": {"use_content_defined_chunking": True},
        "sorted": {"sorting_columns": [pq.SortingColumn(0)]},
        "short_pages": {"max_rows_per_page": 3, "dictionary_pagesize_limit": 16},
    }.items():
        corpus.write(label, lambda path, chosen=chosen: pq.write_table(whole, path, **chosen) or str(chosen))
    late = pa.table({"t": array(rng, by_name["timestamp_ns"], True)})
    for unit in ("ms", "us"):
        corpus.write(f"coerced_{unit}", lambda path, unit=unit: pq.write_table(late, path, coerce_timestamps=unit, allow_truncated_timestamps=True) or f"coerced to {unit}")


def odd_files(corpus, rng, columns):
    """Files without rows, names that are odd, doubled, or differ by case, and many row groups."""
    by_name = {column.name: column for column in columns}
    numbers = array(rng, by_name["int64"], True)
    texts = array(rng, by_name["string"], True)
    empty = pa.table({c.name: pa.array([], c.type) if not isinstance(c.type, pa.BaseExtensionType) else array(rng, c, True).slice(0, 0) for c in columns})
    corpus.write("no_rows", lambda path: pq.write_table(empty, path) or "no rows, no row group")

    def empty_groups(path):
        table = pa.table({"a": numbers})
        with pq.ParquetWriter(path, table.schema) as writer:
            for rows in (0, 5, 0, 7, 0):
                writer.write_table(table.slice(0, rows))
        return "row groups without rows"

    corpus.write("empty_groups", empty_groups)
    names = ["with space", "q\"uote", "it's", "dot.ted", "ünïcode", "😀", "sel;ect", "SELECT", "a,b", "a\nb", "\ufeffbom", "constructor", "__proto__", "toString", "_c0", "ts", "x[0]", "a/b", "100%", "$1", "?"]
    odd = pa.table([numbers if i % 2 else texts for i in range(len(names))], names=names)
    corpus.write("odd_names", lambda path: pq.write_table(odd, path) or "odd names")
    own = pa.table({"filename": numbers, "file_row_number": texts})
    corpus.write("own_names", lambda path: pq.write_table(own, path) or "names of the bus", {"filename": "the bus's own name"})
    for label, doubled in {"case": ["a", "A", "b"], "same": ["close", "close", "close_1"], "fields": ["x", "X"]}.items():
        table = pa.table([numbers, texts, numbers][: len(doubled)], names=doubled)
        corpus.write(f"doubled_{label}", lambda path, table=table: pq.write_table(table, path) or "doubled names")
    fields = pa.StructArray.from_arrays([numbers, texts], names=["f", "F"])
    corpus.write("doubled_in_struct", lambda path: pq.write_table(pa.table({"s": fields}), path) or "fields that differ by case")
    moments = array(rng, by_name["zoned_ns"], True)
    for label, names in {"first": ["", "b", "c"], "last": ["a", "b", ""], "twice": ["", "", "c"]}.items():
        nameless = pa.table([numbers, texts, moments], names=names)
        corpus.write(f"no_name_{label}", lambda path, nameless=nameless: pq.write_table(nameless, path) or "an empty name")
    taken = pa.table([numbers, texts], names=["", "C0"])
    corpus.write("no_name_taken", lambda path: pq.write_table(taken, path) or "the name for a column without one is taken", {"": "a column without a name"})
    no_field = pa.StructArray.from_arrays([numbers, texts], names=["", "f"])
    corpus.write("no_field_name", lambda path: pq.write_table(pa.table({"s": no_field}), path) or "a field without a name", {"s": "a field without a name"})
    pairs = pa.array([[("a", 1), ("a", 2)], [("b", 3)]], pa.map_(pa.string(), pa.int64()))
    corpus.write("doubled_key", lambda path: pq.write_table(pa.table({"m": pairs}), path) or "a key twice in a map", {"m": "a key twice"})
    many = pa.table({"n": pa.array(range(3000)), "s": pa.array([f"text {i % 7}" for i in range(3000)])})
    corpus.write("many_groups", lambda path: pq.write_table(many, path, row_group_size=37) or "82 row groups")
