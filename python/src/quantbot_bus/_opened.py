"""Where the bus is, and whether it is still open."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Optional, TypeVar

from ._bus_root import ObjectRoot, StrPath, bus_folder, check_marker, find_bus_paths, find_object_root
from ._errors import BusError
from ._submit import Place

_Self = TypeVar("_Self", bound="OpenedBus")


class OpenedBus:
    """What all calls of :class:`quantbot_bus.Bus` have in common."""

    def __init__(self, root: Optional[StrPath] = None, *, config: Optional[StrPath] = None) -> None:
        self._where: Place = _find(root, config)
        self._closed = False

    @property
    def root(self) -> str:
        """The folder or the URL of the bus."""
        return str(self._where) if isinstance(self._where, Path) else self._where.url

    def __repr__(self) -> str:
        return f"Bus({self.root!r})"

    def __enter__(self: _Self) -> _Self:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the bus. Later calls raise CLOSED."""
        self._closed = True

    def _place(self) -> Place:
        self._check_open()
        if isinstance(self._where, Path):
            check_marker(self._where)
        return self._where

    def _check_open(self) -> None:
        if self._closed:
            raise BusError("CLOSED", "The bus was closed.")


def _find(root: Optional[StrPath], config: Optional[StrPath]) -> Place:
    if config is not None and root is None:
        paths = find_bus_paths(env={**os.environ, "QUANTBOT_BUS_CONFIG": os.fspath(config)})
        return paths.bus_root if paths.object_root is None else ObjectRoot(paths.object_root, paths.s3)
    store = find_object_root(root)
    return bus_folder(root) if store is None else store
