"""Answers of any length, which the server of a daemon streams as Parquet."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import tempfile
import urllib.request
import weakref
from pathlib import Path
from typing import Any, Callable, TypeVar

from ._database import coded
from ._errors import BusError
from ._frames import library
from ._http_bus import HttpBus, ServerFailed, ServerSilent, place_of, retrying, silence
from ._queries import identifier, literal

_T = TypeVar("_T")
PIECE_BYTES = 1024 * 1024
JSON = {"Content-Type": "application/json"}
_SILENT_S = 2.5
"""A server that gives no sign for this long is not there."""
_reached: set[str] = set()
_HERE = (
    "ANSWER_TOO_LARGE",
    "ARTIFACT_FORGOTTEN",
    "DATABASE_INVALID",
    "DATABASE_LOCKED",
    "DATABASE_MOVED",
    "DATABASE_NOT_FOUND",
    "JOURNAL_DAMAGED",
    "OPTIONS_INVALID",
    "QUERY_FAILED",
)
"""The codes of a daemon that mean the same here."""


def large_answer(bus: HttpBus, question: bytes) -> Any:
    """A connection to a database in memory with the rows as the view ``answer``. The rows lie in a
    temporary file, which ends with the connection.

    Raises BusError ANSWER_TOO_LARGE, BUS_DENIED, QUERY_FAILED, READ_FAILED.
    """
    duckdb = library("duckdb", "duckdb", "Reading the bus")
    folder = tempfile.mkdtemp(prefix="quantbot-bus-")
    path = Path(folder) / "answer.parquet"
    try:
        reading(bus.root, lambda: _fetch(bus, question, path))
        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW answer AS {_select(connection, path)}")
    except duckdb.Error as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise coded(path, error) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _end_with(connection, folder)
    return connection


def _end_with(connection: Any, folder: str) -> None:
    """Removes a folder once DuckDB has closed the database. Relations keep it open, but no object
    of Python shows that. A function of the database does; without numpy, which functions need, the
    folder stays until the process ends."""

    def keep() -> int:
        return 0

    try:
        connection.create_function("quantbot_file", keep, [], "BIGINT")
        weakref.finalize(keep, _remove, folder, os.getpid())
    except library("duckdb", "duckdb", "Reading the bus").Error:
        atexit.register(_remove, folder, os.getpid())


def _remove(folder: str, pid: int) -> None:
    if os.getpid() == pid:  # a fork may still read it
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(bus: HttpBus, question: bytes, path: Path) -> None:
    with bus.answer("POST", "/api/v1/rows.parquet", question, JSON) as answer, open(path, "wb") as file:
        shutil.copyfileobj(answer, file, PIECE_BYTES)
        if file.tell() != int(answer.headers["Content-Length"]):
            raise ServerSilent(silence(bus.root, "the rows were cut off"))


def _select(connection: Any, path: Path) -> str:
    """The rows with the names and types of the query."""
    file = literal(str(path))
    keys = f"SELECT decode(value) FROM parquet_kv_metadata({file}) WHERE decode(key) = 'quantbot.columns'"
    columns = json.loads(connection.execute(keys).fetchone()[0])
    shown = []
    for index, column in enumerate(columns):
        value = f"c{index}::{column['type']}" if column["isText"] else f"c{index}"
        shown.append(f"{value} AS {identifier(column['name'])}")
    places = ", ".join(f"c{index}" for index in range(len(columns)))
    return f"SELECT {', '.join(shown)} FROM read_parquet({file}, hive_partitioning = false) t({places})"


def reading(root: str, work: Callable[[], _T], progress: Callable[[], int] = lambda: 0) -> _T:
    """Repeats work while the server is busy, and turns failures into errors of reading. A reader
    should learn soon that there is no server."""
    try:
        _must_reach(root)
        return retrying(work, progress, _SILENT_S)
    except ServerSilent as error:
        hint = "Check the network, and that the daemon serves HTTP at this address."
        raise BusError("READ_FAILED", f"{str(error).rstrip('.')}.", hint=hint) from error
    except ServerFailed as error:
        if error.status in (401, 403):
            raise BusError("BUS_DENIED", str(error), details=error.details) from error
        other = "FILE_NOT_FOUND" if error.status == 404 else "QUERY_FAILED" if error.status < 500 else "READ_FAILED"
        code = error.code if error.code in _HERE else other
        raise BusError(code, str(error), hint=error.hint, details=error.details) from error


def _must_reach(root: str) -> None:
    """``urllib`` waits for minutes for a host that does not answer at all. A refused connection is
    left to the attempts."""
    if root in _reached or urllib.request.getproxies():  # a proxy may reach more
        return
    try:
        socket.create_connection(place_of(root), _SILENT_S).close()
        _reached.add(root)
    except socket.timeout:
        raise ServerSilent(silence(root, f"no connection within {_SILENT_S} s")) from None
    except OSError:
        pass
