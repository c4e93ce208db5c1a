"""Arrays that nanoarrow builds, handed to pyarrow through Arrow's C interface and written by it."""

import nanoarrow as na
import pyarrow as pa
import pyarrow.parquet as pq
from values import BYTES, FLOATS, TEXTS, integers


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
