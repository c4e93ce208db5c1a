"""Reads a bus on this machine, behind the server of a daemon, or on many machines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

from ._bus_root import HTTP, StrPath, find_bus_paths
from ._catalog import Catalog
from ._database import Database
from ._errors import BusError
from ._opened import OpenedBus


class Reading(OpenedBus, Catalog):
    """Reads a bus."""

    def __init__(
        self,
        root: Optional[StrPath] = None,
        *,
        config: Optional[StrPath] = None,
        duckdb_path: Optional[StrPath] = None,
    ) -> None:
        super().__init__(root, config=config)
        self._reader: Database
        if isinstance(self._where, Path):
            self._reader = Database(_published_path(self._where, config, duckdb_path))
        elif self._where.url.startswith(HTTP):
            from ._http_bus import HttpBus  # most programs never need it
            from ._served import ServedDatabase

            self._reader = ServedDatabase(HttpBus(self._where.url))
        else:
            from ._lake import LakeDatabase

            self._reader = LakeDatabase(self._where, config)

    def close(self) -> None:
        """Closes the bus. Later calls raise CLOSED."""
        super().close()
        self._reader.close()

    def _database(self) -> Database:
        self._check_open()
        return self._reader


def _published_path(root: Path, config: Optional[StrPath], duckdb_path: Optional[StrPath]) -> Path:
    """The database of a bus: as given, as in its configuration, or beside its folder."""
    if duckdb_path is not None:
        return Path(os.path.abspath(duckdb_path))
    if config is not None:
        return find_bus_paths(env={**os.environ, "QUANTBOT_BUS_CONFIG": os.fspath(config)}).duckdb_path
    for cwd, env in ((None, None), (root, {})):
        try:
            paths = find_bus_paths(cwd=cwd, env=env)
        except BusError:
            continue  # of another bus
        if paths.config is not None and paths.bus_root == root:
            return paths.duckdb_path
    return root.parent / "alerts.duckdb"
