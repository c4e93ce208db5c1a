"""All functions that write, rename and fsync. A file is flushed before the rename that makes it
visible, and its folder afterwards."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Optional

from ._errors import BusError

_CHUNK_BYTES = 1024 * 1024


class Digest(NamedTuple):
    """Size and SHA-256 of content that was read to its end."""

    bytes: int
    sha256: str


_FULL_FSYNC: Optional[int] = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS has it, because its fsync alone leaves data in the drive's cache."""


def sync_descriptor(descriptor: int) -> None:
    """Flushes an open file to the disk."""
    if _FULL_FSYNC is not None:
        try:
            fcntl.fcntl(descriptor, _FULL_FSYNC)
            return
        except OSError:
            pass  # a file system without it
    os.fsync(descriptor)


def sync(path: Path) -> None:
    """Flushes a file, or a folder so that the names in it survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Creates a file that must not exist yet. The caller flushes the folder."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        if flush:
            sync_descriptor(file.fileno())


def copy_durable(source: Path, target: Path) -> Digest:
    """Copies a file to a new name, hashing on the way, and flushes it.

    Raises BusError BYTES_MISMATCH if the size of the file changes: a program is writing to it.
    """
    digest = hashlib.sha256()
    count = 0
    with open(source, "rb", buffering=0) as reading, open(target, "xb", buffering=0) as writing:
        size = os.fstat(reading.fileno()).st_size
        while True:
            chunk = reading.read(_CHUNK_BYTES)
            if not chunk or count + len(chunk) > size:
                count += len(chunk)
                break
            digest.update(chunk)
            count += len(chunk)
            view = memoryview(chunk)
            while view:
                view = view[writing.write(view) :]
        if count != size or os.fstat(reading.fileno()).st_size != size:
            raise BusError("BYTES_MISMATCH", f"{source} had {size} bytes, and its size changed while it was read.")
        sync_descriptor(writing.fileno())
    return Digest(count, digest.hexdigest())


def digest_of(path: Path) -> Digest:
    """Hashes a file.

    Raises BusError BYTES_MISMATCH if its size changes: a program is writing to it.
    """
    digest = hashlib.sha256()
    count = 0
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while count <= size and (chunk := file.read(_CHUNK_BYTES)):
            digest.update(chunk)
            count += len(chunk)
        if count != size:
            raise BusError("BYTES_MISMATCH", f"{path} had {size} bytes, and its size changed while it was read.")
    return Digest(count, digest.hexdigest())


def move_in(source: Path, target: Path) -> Digest:
    """Hard-links a file into the job and flushes it. Copies it if the file system refuses links."""
    try:
        if source.is_symlink():
            raise OSError(errno.EXDEV, "a link to a link is no link to the file")
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        return copy_durable(source, target)
    digest = hashlib.sha256()
    count = 0
    with open(target, "rb", buffering=0) as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                break
            digest.update(chunk)
            count += len(chunk)
        sync_descriptor(file.fileno())
    return Digest(count, digest.hexdigest())
