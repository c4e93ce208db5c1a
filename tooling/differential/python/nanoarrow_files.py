"""Arrays that nanoarrow builds, handed to pyarrow through Arrow's C interface and written by it."""

import nanoarrow as na
import pyarrow as pa
import pyarrow.parquet as pq
from values import BYTES, FLOATS, TEXTS, array, integers, nested_column, plain_columns


def write(corpus, rng):
    arrays = {
        **{f"int{bits}": na.c_array(integers(rng, bits, True), getattr(na, f"int{bits}")()) for bits in (8, 16, 32, 64)},
        **{f"uint{bits}": na.c_array(integers(rng, bits, False), getattr(na, f"uint{bits}")()) for bits in (8, 16, 32, 64)},
        "double": na.c_array([*FLOATS, None], na.float64()),
        "float": na.c_array([*FLOATS, None], na.float32()),
        "bool": na.c_array([True, None, False], na.bool_()),
        "string": na.c_array([*TEXTS, None], na.string()),
        "binary": na.c_array([*BYTES, None], na.binary()),
    }
    for name, made in arrays.items():

        def written(path, made=made, name=name):
            pq.write_table(pa.table({name: pa.array(made)}), path, compression="zstd")
            return "through the C interface"

        corpus.write(name, written)
    # Arrays of other types come from pyarrow and go back; nanoarrow 0.9 crashes on views.
    others = [column for column in plain_columns(rng) if column.name not in arrays and not isinstance(column.type, pa.BaseExtensionType)]
    others += [nested_column(rng, f"nested_{number}") for number in range(6)]
    for column in others:
        if "view" in str(column.type):
            continue

        def handed_on(path, column=column):
            pq.write_table(pa.table({column.name: pa.array(na.c_array(array(rng, column, True)))}), path, compression="snappy")
            return "handed on through the C interface"

        corpus.write(column.name, handed_on)
