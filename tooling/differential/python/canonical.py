"""Values as text that is the same exactly when the values are.

Scalars are texts with a letter for their kind in front. A list is {"l": [...]}, a struct
{"s": [[name, value], ...]}, a map {"m": [[key, value], ...]}. Integers have all digits, floats are
their bits, decimals have their scale. Timestamps and times are whole nanoseconds, durations the
plain number of their unit.
"""

import struct

import pyarrow as pa
import pyarrow.parquet as pq

NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def read(path):
    """The columns of a file as pyarrow reads them."""
    file = pq.ParquetFile(path)
    table = file.read()
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    old = [leaf.path for leaf in leaves if "is_from_converted_type=true" in str(leaf.logical_type)]

    enums = [leaf.path for leaf in leaves if str(leaf.logical_type) == "Enum"]

    def meant(name, found):
        if name in enums:  # text, which pyarrow gives as bytes
            return [value and f"s:{bytes.fromhex(value[2:]).decode()}" for value in found]
        return without_zone(found) if any(path == name or path.startswith(f"{name}.") for path in old) else found

    return [
        {"name": name, "type": str(column.type), "values": meant(name, values(flat(column)))}
        for name, column in zip(table.schema.names, table.columns)
    ]


def without_zone(value):
    """The same moments without their zone.

    A timestamp that only the old converted type declares has a zone for pyarrow, and none for
    DuckDB.
    """
    if isinstance(value, list):
        return [without_zone(inside) for inside in value]
    if isinstance(value, dict):
        return {key: without_zone(inside) for key, inside in value.items()}
    return f"T{value[1:]}" if isinstance(value, str) and value.startswith("Z:") else value


def flat(column):
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def values(array):
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return values(array.storage)
    if pa.types.is_dictionary(kind):
        return values(array.dictionary_decode())
    if pa.types.is_null(kind):
        return [None] * len(array)
    if pa.types.is_map(kind):
        keys, items = values(array.keys), values(array.items)
        return [lists and {"m": [list(pair) for pair in zip(keys[lists], items[lists])]} for lists in spans(array)]
    if pa.types.is_fixed_size_list(kind):
        inside, size = values(array.values), kind.list_size
        first = array.offset
        return [
            {"l": inside[(first + i) * size : (first + i + 1) * size]} if valid else None
            for i, valid in enumerate(array.is_valid().to_pylist())
        ]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inside = values(array.values)
        return [span and {"l": inside[span]} for span in spans(array)]
    if pa.types.is_struct(kind):
        fields = [(kind.field(i).name, values(array.field(i))) for i in range(kind.num_fields)]
        return [
            {"s": [[name, inside[i]] for name, inside in fields]} if valid else None
            for i, valid in enumerate(array.is_valid().to_pylist())
        ]
    write = scalar(kind)
    return [None if value is None else write(value) for value in plain(array, kind)]


def spans(array):
    """Where each list lies in the values of all of them; None for NULL."""
    offsets = array.offsets.to_pylist()
    return [
        slice(offsets[i], offsets[i + 1]) if valid else None for i, valid in enumerate(array.is_valid().to_pylist())
    ]


def plain(array, kind):
    """The values as Python has them without loss: moments as integers."""
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return array.view(pa.int32()).to_pylist()
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return array.view(pa.int64()).to_pylist()
    return array.to_pylist()


def scalar(kind):
    """What writes a value of a type as text."""
    types = pa.types
    if types.is_boolean(kind):
        return lambda value: "x:true" if value else "x:false"
    if types.is_integer(kind) or types.is_duration(kind):
        return lambda value: f"i:{value}"
    if types.is_floating(kind):
        return lambda value: f"f:{float_text(float(value))}"
    if types.is_decimal(kind):
        return lambda value: f"n:{value:f}"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return lambda value: f"s:{value}"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind):
        return lambda value: f"b:{value.hex()}"
    if types.is_date32(kind):
        return lambda value: f"d:{value}"
    if types.is_date64(kind):
        return lambda value: f"d:{value // 86_400_000}"
    if types.is_time(kind):
        return lambda value: f"t:{value * NANOS[kind.unit]}"
    if types.is_timestamp(kind):
        letter = "T" if kind.tz is None else "Z"
        return lambda value: f"{letter}:{value * NANOS[kind.unit]}"
    raise ValueError(f"no text for {kind}")


def float_text(value):
    """The bits of a double, NaN by its sign alone."""
    if value != value:
        return "-nan" if struct.pack(">d", value)[0] & 0x80 else "nan"
    return struct.pack(">d", value).hex()
