"""Objects below the root of a bus: in a folder that all hosts share (``file://``), or on an S3
server (``s3://``)."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, Optional, Protocol, Sequence, Union
from urllib.parse import unquote, urlsplit

from ._bus_root import checked_root
from ._durable import copy_durable, sync, write_new
from ._errors import BusError

Body = Union[bytes, Path]


class StoreDenied(Exception):
    """The store does not let this program do that."""


class StoreFailed(Exception):
    """The store did not answer, or refused a request."""


class Objects(Protocol):
    """What a producer needs of an object store. Keys are joined by ``/``."""

    url: str

    def create(self, key: str, body: Body, sha256: str) -> bool:
        """Creates a durable object. Returns False if there is one, which stays as it is."""
        ...

    def read(self, key: str) -> Optional[bytes]:
        """A small object as a whole; None if it is not there."""
        ...

    def digest(self, key: str) -> Optional[tuple[int, str]]:
        """Size and SHA-256; None if it is not there."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """The first keys with this prefix, at most 1,000."""
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Removes objects. Missing ones are fine."""
        ...


def open_objects(url: str, s3: Mapping[str, Any] = MappingProxyType({})) -> Objects:
    """``s3`` is how the configuration of a cluster reaches its S3 server.

    Raises BusError BUS_ROOT_INVALID, OBJECT_CLIENT_MISSING."""
    if url.startswith("file://"):
        return FolderObjects(_folder_of(url))
    from ._s3 import open_s3  # most programs never need it

    return open_s3(url, s3)


def _folder_of(url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not path.startswith("/") or path.strip("/") == "":
        raise BusError("BUS_ROOT_INVALID", "The root of the bus is not of the form file:///absolute/folder.")
    return checked_root(Path(path), "the root of the bus")


class FolderObjects:
    """Objects as files. Ids cannot lead out of the root, and links below it are refused."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.url = root.as_uri()

    def create(self, key: str, body: Body, sha256: str) -> bool:
        path = self._place(key, make=True)
        temporary = path.parent / f".{path.name[:60]}.{secrets.token_hex(6)}.tmp"
        try:
            if isinstance(body, bytes):
                write_new(temporary, body)
            elif copy_durable(body, temporary).sha256 != sha256:
                raise BusError("CHECKSUM_MISMATCH", f"{body} changed after it was hashed.")
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            return True
        finally:
            temporary.unlink(missing_ok=True)
            sync(path.parent)

    def read(self, key: str) -> Optional[bytes]:
        try:
            descriptor = os.open(self._place(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BusError("SUBMIT_FAILED", f"{key} is not a regular file.")
            return file.read()

    def digest(self, key: str) -> Optional[tuple[int, str]]:
        import hashlib

        content = self.read(key)
        return None if content is None else (len(content), hashlib.sha256(content).hexdigest())

    def keys(self, prefix: str) -> list[str]:
        folder, name = os.path.split(prefix)
        try:
            names = sorted(os.listdir(self._root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [f"{folder}/{found}" for found in names if found.startswith(name) and found[0] != "."][:1000]

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            path = self._place(key)
            path.unlink(missing_ok=True)
            sync(path.parent)

    def _place(self, key: str, make: bool = False) -> Path:
        """The path of a key, below real folders only."""
        folder = self._root
        for part in (None, *key.split("/")[:-1]):
            folder = folder if part is None else folder / part
            if part is not None and folder.is_symlink():
                raise BusError("SUBMIT_FAILED", f"{folder} is a link.")
            if make and not folder.is_dir():
                folder.mkdir(exist_ok=True, parents=part is None)
                sync(folder.parent)
        return self._root / key
