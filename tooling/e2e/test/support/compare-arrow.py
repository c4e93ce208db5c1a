"""Compares an Arrow IPC stream with a Parquet file of the same rows."""

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def plain(array):
    """An array whose values can be compared: bits instead of floats, bytes instead of UUIDs."""
    array = array.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_floating(array.type):
        return array.view(pa.int64() if array.type == pa.float64() else pa.int32())
    return array


with pa.OSFile(sys.argv[1]) as file:
    reader = pa.ipc.open_stream(file)
    batches = list(reader)
    arrow = pa.Table.from_batches(batches, reader.schema)
arrow.validate(full=True)
parquet = pq.read_table(sys.argv[2])
differ, intervals = [], []
for name in arrow.column_names:
    one, other = plain(arrow[name]), plain(parquet[name])
    if pa.types.is_interval(one.type):
        intervals += [repr(value) for value in one.to_pylist()]
    elif pa.types.is_nested(one.type):
        if one.to_pylist() != other.to_pylist():
            differ.append(f"{name}: {one.to_pylist()[:5]} instead of {other.to_pylist()[:5]}")
    elif not one.cast(other.type).equals(other):
        differ.append(f"{name}: {one[:5]} instead of {other[:5]}")
types = [str(field.type) for field in arrow.schema]
print(json.dumps({"types": types, "differ": differ, "intervals": intervals, "batches": len(batches)}))
