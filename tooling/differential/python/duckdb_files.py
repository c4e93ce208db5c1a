"""What DuckDB's own COPY writes."""

import duckdb

EXPRESSIONS = {
    "tinyint": "unnest([-128, 127, NULL, 0]::TINYINT[])",
    "smallint": "unnest([-32768, 32767, NULL]::SMALLINT[])",
    "integer": "unnest([-2147483648, 2147483647, NULL]::INTEGER[])",
    "utinyint": "unnest([255, 0, NULL]::UTINYINT[])",
    "usmallint": "unnest([65535, 0, NULL]::USMALLINT[])",
    "uinteger": "unnest([4294967295, 0, NULL]::UINTEGER[])",
    "boolean": "unnest([true, false, NULL])",
    "time_ns": "unnest(['00:00:00', '23:59:59.999999999', NULL]::TIME_NS[])",
    "bignum": "unnest([12345678901234567890123456789012345678901234567890, NULL]::BIGNUM[])",
    "bigint": "unnest([-9223372036854775808, 9223372036854775807, NULL, 0]::BIGINT[])",
    "ubigint": "unnest([18446744073709551615, 0, NULL]::UBIGINT[])",
    "hugeint": "unnest([170141183460469231731687303715884105727, 0, NULL]::HUGEINT[])",
    "uhugeint": "unnest([9223372036854775808, 0, NULL]::UHUGEINT[])",
    "float": "unnest(['nan', '-0.0', 'inf', '-inf', '0.1', NULL]::FLOAT[])",
    "double": "unnest(['nan', '-0.0', 'inf', '-inf', '0.1', '5e-324', NULL]::DOUBLE[])",
    "varchar": "unnest(['', 'NULL', 'ü😀', 'a' || chr(10) || 'b', NULL])",
    "json": """unnest(['{"a": 1}', 'null', '[]', NULL]::JSON[])""",
    "blob": r"unnest(['', '\x00\xFF', NULL]::BLOB[])",
    "uuid": "unnest(['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', NULL]::UUID[])",
    "date": "unnest(['2020-02-29', '0001-01-01', '9999-12-31', '-4000-01-01', NULL]::DATE[])",
    "time": "unnest(['00:00:00', '23:59:59.999999', '24:00:00', NULL]::TIME[])",
    "timetz": "unnest(['00:00:00+00', '23:59:59.999999+00', NULL]::TIMETZ[])",
    "timetz_offset": "unnest(['12:00:00+05:30', NULL]::TIMETZ[])",
    "timestamp": "unnest(['2020-02-29 12:34:56.789012', '0001-01-01', '290000-01-01', NULL]::TIMESTAMP[])",
    "timestamp_s": "unnest(['2020-02-29 12:34:56', NULL]::TIMESTAMP_S[])",
    "timestamp_ms": "unnest(['2020-02-29 12:34:56.789', NULL]::TIMESTAMP_MS[])",
    "timestamp_ns": "unnest(['2020-02-29 12:34:56.789012345', '1700-01-01', NULL]::TIMESTAMP_NS[])",
    "timestamptz": "unnest(['2020-02-29 12:34:56.789012+00', NULL]::TIMESTAMPTZ[])",
    "interval": "unnest([INTERVAL '1 month 2 days 3 hours', INTERVAL '0 days', NULL])",
    "decimal_4_1": "unnest([-999.9, 0, NULL]::DECIMAL(4,1)[])",
    "decimal_9_9": "unnest([0.123456789, NULL]::DECIMAL(9,9)[])",
    "decimal_18_2": "unnest([-9999999999999999.99, NULL]::DECIMAL(18,2)[])",
    "decimal_38_0": "unnest([99999999999999999999999999999999999999, NULL]::DECIMAL(38,0)[])",
    "bit": "unnest(['0101', NULL]::BIT[])",
    "enum": "unnest(['b', 'a', NULL]::ENUM('a', 'b')[])",
    "list": "unnest([[1, NULL], [], NULL])",
    "array": "unnest([[1, 2], [3, NULL]]::INTEGER[2][])",
    "struct": "unnest([{'a': 1, 'b c': 'x'}, {'a': NULL, 'b c': NULL}, NULL])",
    "map": "unnest([MAP {'a': 1.5, 'b': NULL}, MAP {}, NULL])",
    "deep": "unnest([[{'m': MAP {1: [DATE '2020-01-01', NULL]}}, NULL], [], NULL])",
    "deep_map": "unnest([MAP {'k': MAP {'i': {'l': [-0.0::DOUBLE, 'nan'::DOUBLE]}}}, NULL])",
    "three_deep": "unnest([[[[1.5::DECIMAL(18,2), NULL]], []], NULL])",
    "struct_of_moments": "unnest([{'t': TIME '01:02:03.000004', 's': {'z': TIMESTAMPTZ '2020-02-29 00:00:00+00', 'n': ['2020-02-29 12:34:56.789012345'::TIMESTAMP_NS]}}, NULL])",
    "nothing": "NULL",
    "list_of_nothing": "unnest([[NULL], []])",
    "union": "unnest([union_value(n := 1)])",
}
INFINITE = {
    "infinite_date": "unnest(['infinity', '-infinity', NULL]::DATE[])",
    "infinite_timestamp": "unnest(['infinity', '-infinity', NULL]::TIMESTAMP[])",
    "infinite_timestamptz": "unnest(['infinity', '-infinity', NULL]::TIMESTAMPTZ[])",
    "infinite_timestamp_ns": "unnest(['infinity', '-infinity', NULL]::TIMESTAMP_NS[])",
    "geometry": "unnest(['POINT (1 2)'::GEOMETRY, NULL])",
}
LOST = {"timetz_offset", "union", *INFINITE}


def write(corpus, rng):
    connection = duckdb.connect()
    for name, expression in {**EXPRESSIONS, **INFINITE}.items():
        compression = rng.choice(["uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4_raw"])
        options = f"FORMAT parquet, PARQUET_VERSION {rng.choice(['V1', 'V2'])}, COMPRESSION {compression}, DICTIONARY_SIZE_LIMIT {rng.choice([0, 1000])}"

        def written(path, sql=f'SELECT {expression} AS "{name}"', options=options):
            connection.execute(f"COPY ({sql}) TO '{path}' ({options})")
            return options

        corpus.write(name, written, {name: "DuckDB's own type, of which Parquet has another"} if name in LOST else {})
    corpus.write("no_rows", lambda path: connection.execute(f"COPY (SELECT 1 AS a, 'x' AS b WHERE false) TO '{path}'") and "no rows")
    fields = "'field_ids': 'auto'"
    corpus.write("many_rows", lambda path: connection.execute(f"COPY (SELECT range AS n, range % 7 || '' AS s, range::DOUBLE / 3 AS d FROM range(5000)) TO '{path}' (ROW_GROUP_SIZE 2048)") and fields)
