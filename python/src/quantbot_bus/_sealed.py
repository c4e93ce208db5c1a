"""Compares the journal's files with their own checksums, as ``@quantbot/storage`` does: DuckDB
would answer from a damaged file."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import threading
from pathlib import Path
from typing import BinaryIO, Optional

from ._errors import BusError

_BLANK = b"0" * 64
_DIGEST_MARK = b"\x18\x0fquantbot.sha256\x18\x40"
_SEALED_MARK = b"\x18\x0fquantbot.sealed\x18\x01"
_CHUNK_BYTES = 1024 * 1024
_SEGMENT = re.compile(r"(\d{12})-(\d{12})\.parquet")
_COMMIT = re.compile(r"\d{12}")


class JournalCheck:
    """The check of one journal. It reads each file once in a process."""

    def __init__(self, bus_root: Path) -> None:
        self._journal = bus_root / "journal"
        self._lock = threading.Lock()
        self._sound: set[str] = set()
        self._seen: Optional[tuple[int, int]] = None

    def run(self) -> None:
        """Raises BusError JOURNAL_DAMAGED, which names the files."""
        with self._lock:
            try:
                state = (self._changed_at("hot"), self._changed_at("segments"))
                if state == self._seen:
                    return
                live = self._live()
                rotten = [name for name in live if name not in self._sound and _is_rotten(self._journal / name)]
            except OSError:
                return  # who may not list or read these files gets the error of the query
            if rotten:
                names = ", ".join(str(self._journal / name) for name in rotten)
                raise BusError(
                    "JOURNAL_DAMAGED", f"{names}: the checksum does not match, so the answer might be wrong."
                )
            self._sound, self._seen = set(live), state

    def _changed_at(self, folder: str) -> int:
        return (self._journal / folder).stat().st_mtime_ns

    def _live(self) -> list[str]:
        """The paths of the files that hold the journal's rows."""
        names = (_SEGMENT.fullmatch(name) for name in os.listdir(self._journal / "segments"))
        segments = sorted((int(match[1]), -int(match[2]), match[0]) for match in names if match)
        live: list[str] = []
        last = 0
        for _, end, name in segments:
            if -end > last:  # the others lie within a wider one
                live.append(f"segments/{name}")
                last = -end
        commits = sorted(int(name) for name in os.listdir(self._journal / "hot") if _COMMIT.fullmatch(name))
        return live + [f"hot/{seq:012d}/commit.parquet" for seq in commits if seq == 0 or seq > last]


def _is_rotten(path: Path) -> bool:
    """Whether a file differs from its digest. Compaction may have removed it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR):  # a link, or something else than a file
            return True
        raise
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return True
        footer, start = _footer(file)
        at = footer.rfind(_DIGEST_MARK)
        is_marked = footer.rfind(_SEALED_MARK) >= 0
        if at < 0 or not is_marked:
            # Earlier versions wrote files without a seal.
            return footer == b"" or at >= 0 or is_marked
        place = start + at + len(_DIGEST_MARK)
        file.seek(place)
        return file.read(len(_BLANK)) != _digest_with_blank(file, place).encode()


def _footer(file: BinaryIO) -> tuple[bytes, int]:
    """The footer of a Parquet file and its place; empty if it is not one."""
    size = file.seek(0, os.SEEK_END)
    if size < 12:
        return b"", 0
    file.seek(size - 8)
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > size - 12:
        return b"", 0
    file.seek(size - 8 - length)
    return file.read(length), size - 8 - length


def _digest_with_blank(file: BinaryIO, place: int) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    position = 0
    while chunk := file.read(_CHUNK_BYTES):
        start, end = max(place, position), min(place + len(_BLANK), position + len(chunk))
        if start < end:
            chunk = chunk[: start - position] + _BLANK[: end - start] + chunk[end - position :]
        digest.update(chunk)
        position += len(chunk)
    return digest.hexdigest()
