"""What a file that is not Parquet seems to be."""

import re
from typing import Optional

LOOKED_AT_BYTES = 512
"""How many bytes :func:`other_format` looks at."""

_MAGICS = (
    ("an Arrow IPC (Feather) file", b"ARROW1", 0),
    ("an old Feather file", b"FEA1", 0),
    ("an ORC file", b"ORC", 0),
    ("an Avro file", b"Obj\x01", 0),
    ("a DuckDB database", b"DUCK", 8),
    ("an SQLite database", b"SQLite format 3\0", 0),
    ("an HDF5 file", b"\x89HDF", 0),
    ("a ZIP archive (such as .xlsx or .npz)", b"PK\x03\x04", 0),
    ("a file compressed with gzip", b"\x1f\x8b", 0),
    ("a file compressed with zstd", b"\x28\xb5\x2f\xfd", 0),
    ("a pickle of Python", b"\x80\x04\x95", 0),
)
_CONTROLS = re.compile("[\0-\x08\x0e-\x1f\x7f\ufffd]")


def other_format(head: bytes) -> Optional[str]:
    """Says what a file seems to be by its first bytes, or None. As `other-format.ts` does."""
    head = head[:LOOKED_AT_BYTES]
    for name, magic, at in _MAGICS:
        if head.startswith(magic, at):
            return name
    text = head.decode("utf-8", "replace")
    if len(head) == LOOKED_AT_BYTES:
        text = text.rstrip("\ufffd")  # the last character may be cut
    if text == "" or _CONTROLS.search(text):
        return None
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return "a JSON file"
    return "a CSV file" if re.search(r"[,;\t|]", text.split("\n", 1)[0]) else "a text file"
