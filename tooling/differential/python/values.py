"""Columns of every type, with the extremes of each."""

import struct
from dataclasses import dataclass
from decimal import Decimal, localcontext

import pyarrow as pa

ROWS = 24


@dataclass
class Column:
    """A type and values of it."""

    name: str
    type: pa.DataType
    values: list
    # Why the bus may refuse it; None: it has to take it.
    refusable: str | None = None


def of_bits(text):
    return struct.unpack(">d", bytes.fromhex(text))[0]


NAN, MINUS_NAN = of_bits("7ff8000000000000"), of_bits("fff8000000000000")
FLOATS = [0.0, -0.0, NAN, MINUS_NAN, float("inf"), float("-inf"), 1.5, -2.25]
TEXTS = ["", "a", "NULL", "nan", "ü€😀", 'q"uo,te', "it's", "a\nb", "a\r\nb", "nul\0l", " space ", "{}", "[1, 2]", "\ufeffbom", "x" * 300, "é", "e\u0301"]
BYTES = [b"", b"\0", b"\xff\xfe", b"abc", bytes(range(256))]


def integers(rng, bits, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    candidates = [low, high, 0, 1, -1, low + 1, high - 1, 2**53, 2**53 - 1, 2**53 + 1, -(2**53) - 1, 2**31, 2**32, 2**63 - 1, 2**63]
    picked = [value for value in candidates if low <= value <= high]
    return picked + [rng.randint(low, high) for _ in range(4)]


def decimals(rng, precision, scale):
    most = 10**precision - 1
    scaled = [0, 1, -1, most, -most, 10 ** (precision // 2)] + [rng.randint(-most, most) for _ in range(4)]
    with localcontext() as context:
        context.prec = 100
        return [Decimal(value).scaleb(-scale) for value in scaled]


def days(rng):
    return [0, -1, 1, 18321, -719528, 2932896, 2932897, -719529, -2147483647 // 2, 2147483647 // 2, rng.randint(-800000, 800000)]


def moments(rng, per_second):
    """Moments from year 1 to 9999, with the last digit of their unit."""
    seconds = [0, -62135596800, 253402300799, 951782400, 1582934400, -1, rng.randint(-(10**9), 4 * 10**9)]
    if per_second == 10**9:
        # From the first day that DuckDB prints.
        seconds = [0, -9_223_286_400, 9_223_372_035, 951782400, -1, rng.randint(-(10**9), 4 * 10**9)]
    return [s * per_second + last for s in seconds for last in {0, 1 % per_second, per_second - 1}]


def times(per_second):
    return [0, 86_400 * per_second - 1, 43_200 * per_second, 1, 3661 * per_second + 1 % per_second]


def plain_columns(rng):
    """The types that the bus has to take, by name."""
    columns = [Column("bool", pa.bool_(), [True, False])]
    for bits in (8, 16, 32, 64):
        columns.append(Column(f"int{bits}", getattr(pa, f"int{bits}")(), integers(rng, bits, True)))
        columns.append(Column(f"uint{bits}", getattr(pa, f"uint{bits}")(), integers(rng, bits, False)))
    columns += [
        Column("half", pa.float16(), [*FLOATS, 65504.0, 5.960464477539063e-08]),
        Column("float", pa.float32(), [*FLOATS, 3.4028234663852886e38, 1.401298464324817e-45, 0.10000000149011612]),
        Column("double", pa.float64(), [*FLOATS, 1.7976931348623157e308, 5e-324, 0.1, 2.0**53 + 2, rng.random()]),
        Column("string", pa.string(), TEXTS),
        Column("large_string", pa.large_string(), TEXTS),
        Column("string_view", pa.string_view(), TEXTS),
        Column("dictionary", pa.dictionary(pa.int32(), pa.string()), TEXTS),
        Column("binary", pa.binary(), BYTES),
        Column("large_binary", pa.large_binary(), BYTES),
        Column("fixed", pa.binary(5), [b"\0" * 5, b"\xff" * 5, b"abcde"]),
        Column("uuid", pa.uuid(), [bytes(16), b"\xff" * 16, bytes(range(16)), b"\x80" + bytes(15), rng.randbytes(16)]),
        Column("json", pa.json_(), ["{}", '{"a": [1, null]}', "null", '"x"', "1e400"]),
        Column("date", pa.date32(), days(rng)),
        Column("date64", pa.date64(), [day * 86_400_000 for day in days(rng) if abs(day) < 10**7]),
        Column("nothing", pa.null(), [None]),
    ]
    for precision, scale in [(1, 0), (4, 2), (5, 5), (9, 2), (10, 0), (18, 18), (18, 6), (19, 3), (28, 27), (38, 0), (38, 10), (38, 38)]:
        columns.append(Column(f"decimal_{precision}_{scale}", pa.decimal128(precision, scale), decimals(rng, precision, scale)))
    columns.append(Column("decimal32", pa.decimal32(7, 3), decimals(rng, 7, 3)))
    columns.append(Column("decimal64", pa.decimal64(15, 3), decimals(rng, 15, 3)))
    columns.append(Column("decimal256", pa.decimal256(20, 3), decimals(rng, 20, 3)))
    units = [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]
    for unit, per_second in units:
        kind = pa.time32 if unit in ("s", "ms") else pa.time64
        columns.append(Column(f"time_{unit}", kind(unit), times(per_second)))
        columns.append(Column(f"timestamp_{unit}", pa.timestamp(unit), moments(rng, per_second)))
        whole = [value - value % 1000 for value in moments(rng, per_second)] if unit == "ns" else moments(rng, per_second)
        columns.append(Column(f"zoned_{unit}", pa.timestamp(unit, "UTC"), whole))
    columns.append(Column("berlin", pa.timestamp("us", "Europe/Berlin"), moments(rng, 10**6)))
    return columns


def refusable_columns(rng):
    """The types of which DuckDB holds less, each to be alone in a file."""
    fine = "DuckDB has microseconds of timestamps with a zone"
    unit = "Parquet has no durations"
    edge = [2**63 - 1, -(2**63) + 1, 2**62]
    return [
        Column("zoned_fine", pa.timestamp("ns", "UTC"), moments(rng, 10**9), fine),
        *(Column(f"duration_{u}", pa.duration(u), integers(rng, 64, True), unit) for u in ("s", "ms", "us", "ns")),
        Column("decimal_50_2", pa.decimal256(50, 2), decimals(rng, 50, 2), "DuckDB has 38 digits"),
        Column("decimal_76_38", pa.decimal256(76, 38), decimals(rng, 76, 38), "DuckDB has 38 digits"),
        Column("far_ms", pa.timestamp("ms"), edge, "DuckDB has microseconds, and fewer years"),
        Column("far_us", pa.timestamp("us"), edge, "outside of DuckDB's years, or infinite"),
        Column("far_zoned_us", pa.timestamp("us", "UTC"), edge, "outside of DuckDB's years, or infinite"),
        Column("far_ns", pa.timestamp("ns"), [*edge, -9_223_372_035 * 10**9], "outside of DuckDB's years, or infinite"),
        Column("far_days", pa.date32(), [2**31 - 1, -(2**31) + 1, -(2**31), 2**31 - 2], "outside of DuckDB's years, or infinite"),
        Column("not_a_time", pa.time64("us"), [-1, 86_400_000_001], "no time of a day"),
        Column("not_a_time_ms", pa.time32("ms"), [-1, 86_400_001], "no time of a day"),
        Column("not_a_time_ns", pa.time64("ns"), [-1, 86_400_000_000_001], "no time of a day"),
    ]


def nested_column(rng, name, depth=3):
    """A column of lists, structs and maps in each other."""
    leaves = [column for column in plain_columns(rng) if nests(column.type)]
    kind, make = nested(rng, depth, leaves)
    return Column(name, kind, [make() for _ in range(ROWS)])


def nests(kind):
    return not isinstance(kind, pa.BaseExtensionType) and not pa.types.is_dictionary(kind)


def nested(rng, depth, leaves):
    """A type, and what makes a value of it."""
    if depth == 0:
        leaf = rng.choice(leaves)
        return leaf.type, lambda: rng.choice([*leaf.values, None])
    way = rng.choice(["list", "struct", "map", "large", "fixed"] if depth > 1 else ["list", "struct", "map"])
    kind, make = nested(rng, depth - 1, leaves)

    def maybe(value):
        return None if rng.random() < 0.1 else value

    if way == "struct":
        other, make_other = nested(rng, rng.randint(0, depth - 1), leaves)
        return pa.struct([("a", kind), ("b c", other)]), lambda: maybe({"a": make(), "b c": make_other()})
    if way == "map":
        key = rng.choice([leaf for leaf in leaves if leaf.name in ("int64", "string", "date", "uint8", "decimal_9_2")])
        keys = list(dict.fromkeys(key.values))
        return pa.map_(key.type, kind), lambda: maybe([(k, make()) for k in rng.sample(keys, rng.randint(0, 3))])
    if way == "fixed":
        return pa.list_(kind, 2), lambda: maybe([make(), make()])
    listed = pa.large_list if way == "large" else pa.list_
    return listed(kind), lambda: maybe([make() for _ in range(rng.randint(0, 3))])


def array(rng, column, with_null, rows=ROWS):
    """So many values of the column, the extremes first, with some NULL or none."""
    many = [column.values[i] if i < len(column.values) else rng.choice(column.values) for i in range(rows)]
    if with_null:
        many = [None if rng.random() < 0.2 else value for value in many]
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(column.type, pa.array(many, column.type.storage_type))
    if pa.types.is_dictionary(column.type):
        return pa.array(many, pa.string()).dictionary_encode()
    return pa.array(many, column.type)
