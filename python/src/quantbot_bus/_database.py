"""The published database, opened with DuckDB: one instance for each file in a process."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence, Union

from ._bus_root import Origin
from ._errors import BusError
from ._frames import library
from ._queries import literal
from ._sealed import JournalCheck

Params = Union[Sequence[Any], Mapping[str, Any]]
"""The values of ``?`` and ``$1``, or of ``$name``."""
PUBLISHED = "_published"
"""The name under which the published database is attached."""
_ATTEMPTS = 10
_NEW = (1, 5)
"""The DuckDB whose relations outlive the object of their connection, and that reads each value
from its text."""
_MOVED = re.compile(r"This database was published as .* and is elsewhere now")
_FORGOTTEN = re.compile(r"canon\.\S+ as of seq \d+ needs forgotten artifacts: .*")


class Instance:
    """DuckDB with the published database attached.

    The daemon deletes the files of a replaced database once no lock shows a reader. POSIX drops all
    locks of a process on a file when any of its descriptors is closed, so a process must open each
    file only once.
    """

    def __init__(self, connection: Any, identity: tuple[int, int]) -> None:
        self.connection = connection
        self.identity = identity
        self.users = 0
        self.is_broken = False
        self.has_relations = False
        self.prepare: Optional[Callable[[], None]] = None
        """Runs before each query."""


_numbers = itertools.count()
_lock = threading.RLock()
_open: dict[tuple[int, int], Instance] = {}
_doubtful: list[Any] = []
"""Instances of which it is unknown which file they have open."""
_checks: dict[str, JournalCheck] = {}
_inherited: list[Any] = []
"""The instances of the parent of a fork. Their threads are gone, so nothing may close them."""


def _forget_parent() -> None:
    global _lock
    _lock = threading.RLock()
    _inherited.extend([*(instance.connection for instance in _open.values()), *_doubtful])
    _open.clear()
    _doubtful.clear()


os.register_at_fork(after_in_child=_forget_parent)


class Database:
    """The published database of a bus. It follows the daemon to each new one: a replaced one would
    still answer its last state."""

    server: Origin = None
    """The server or the object store that has its files, if they are not on this machine."""
    last_seq = 2**62
    """The last job that it shows, if it is of the past."""

    def __init__(self, path: Path, catalog: str = PUBLISHED) -> None:
        self.path = path
        self.catalog = catalog
        self._instance: Optional[Instance] = None
        self._pid = os.getpid()
        self._closed = False

    @contextmanager
    def reading(self, catalog: Optional[str] = None) -> Iterator[Any]:
        """A connection of its own to the current database, which stays open meanwhile. ``catalog``
        is the one to use in the place of the own one.

        Raises BusError DATABASE_NOT_FOUND, DATABASE_INVALID, DATABASE_LOCKED, DATABASE_MOVED,
        JOURNAL_DAMAGED, ARTIFACT_FORGOTTEN, QUERY_FAILED, READ_FAILED, LIBRARY_MISSING.
        """
        cursor, release = self._lend(catalog or self.catalog)
        try:
            yield cursor
        except Exception as error:
            raise _moved(cursor, error) or self._translated(error) from error
        finally:
            release()

    @contextmanager
    def answering(self, sql: str, params: Optional[Params]) -> Iterator[tuple[Any, str, Optional[Params]]]:
        """A connection, and the query to run on it. Raises as :meth:`reading`."""
        with self.reading() as connection:
            yield connection, sql, params

    def past(self, seq: int) -> "Database":
        """The database as it was after a job. Raises as :meth:`reading`."""
        from ._past import open_past

        return open_past(self, seq)

    def relation(self, sql: str, params: Optional[Params] = None) -> Any:
        """Returns a relation of DuckDB. It, and all that is made from it, keep their database open.
        Raises as :meth:`reading`."""
        need_new_duckdb("A relation")
        with self.reading():
            with _lock:
                instance = self._current()
                instance.has_relations = True
                # Nothing closes it: it ends with the last relation.
                own = instance.connection.cursor()
            own.execute("SET TimeZone = 'UTC'")
            own.execute(f"USE {self.catalog}")
            return selected(own, sql, params)

    def pinned(self, catalog: str, seq: int) -> "Database":
        """The database as it is now, under another catalog. It follows the daemon no more."""
        with _lock:
            instance = self._current()
            instance.users += 1
            return _Pinned(self.path, catalog, instance, min(seq, self.last_seq))

    def __del__(self) -> None:
        if self._instance is not None and _release is not None:  # None while Python ends
            self.close()

    def close(self) -> None:
        """Closes it, unless something else in this process still reads it."""
        self._closed = True
        with _lock:
            instance, self._instance = self._instance, None
            if instance is not None:
                _release(instance, self._pid)

    def _lend(self, catalog: str) -> tuple[Any, Callable[[], None]]:
        pid = os.getpid()
        with _lock:
            instance = self._current()
            instance.users += 1
        cursor: Any = None

        def release() -> None:
            if cursor is not None and os.getpid() == pid:
                cursor.close()
            _release(instance, pid)

        try:
            if instance.prepare is not None:
                instance.prepare()
            cursor = instance.connection.cursor()
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(f"USE {catalog}")
        except Exception as error:
            release()
            raise self._translated(error) from error
        return cursor, release

    def _current(self) -> Instance:
        if self._closed:
            raise BusError("CLOSED", "The bus was closed.")
        identity = _identity(self.path)
        known = self._instance if self._pid == os.getpid() else None
        if known is not None and identity in (None, known.identity) and not known.is_broken:
            return known  # if the file is missing, the open database answers
        fresh = _acquire(self.path)
        fresh.users += 1
        if known is not None:
            _release(known, self._pid)
        self._instance, self._pid = fresh, os.getpid()
        return fresh

    def _translated(self, error: Exception) -> Exception:
        """Turns an error of DuckDB into one with a code."""
        if type(error).__module__.split(".")[0].lstrip("_") != "duckdb":
            return error
        if type(error).__name__ == "FatalException":
            with _lock:
                if self._instance is not None:  # the next call opens it anew
                    self._instance.is_broken = True
                    _open.pop(self._instance.identity, None)
        return coded(self.server or self.path, error)


class _Pinned(Database):
    """A database of the past."""

    def __init__(self, path: Path, catalog: str, instance: Instance, seq: int) -> None:
        super().__init__(path, catalog)
        self._instance = instance
        self.last_seq = seq

    def _current(self) -> Instance:
        if self._instance is None or self._pid != os.getpid():
            raise BusError("CLOSED", "The past of a bus is of one process, and open until it is closed.")
        return self._instance

    def close(self) -> None:
        if self._instance is not None and self._pid == os.getpid():
            with self.reading(PUBLISHED) as connection:
                connection.execute(f"DETACH DATABASE IF EXISTS {self.catalog}")
        super().close()


def kept_instance(connection: Any) -> Instance:
    """A connection that is of no file, so that nothing else in this process shares it."""
    instance = Instance(connection, (-1, next(_numbers)))
    _open[instance.identity] = instance
    return instance


def need_new_duckdb(purpose: str) -> None:
    """Raises BusError LIBRARY_MISSING."""
    duckdb = library("duckdb", "duckdb", "Reading the bus")
    if tuple(int(part) for part in duckdb.__version__.split(".")[:2]) < _NEW:
        raise BusError(
            "LIBRARY_MISSING",
            f"{purpose} needs DuckDB 1.5 or newer, and this is {duckdb.__version__}.",
            hint="Run `pip install -U duckdb`.",
        )


def selected(connection: Any, sql: str, params: Optional[Params]) -> Any:
    """The relation of a SELECT."""
    relation = connection.sql(sql) if params is None else connection.sql(sql, params=params)
    if relation is None:
        raise BusError("QUERY_FAILED", f"The statement has no rows: {sql.strip()[:100]}")
    return relation


def _moved(connection: Any, error: Exception) -> Optional[BusError]:
    """The error of a moved database, if that is why a query failed. If the files of a query are
    missing, DuckDB fails before it evaluates the view that compares the places."""
    if not str(error).startswith("IO Error: No files found that match the pattern "):
        return None
    try:
        connection.execute("FROM _bus.here").fetchall()
    except Exception as why:
        if found := _MOVED.search(str(why)):
            return BusError("DATABASE_MOVED", f"{found[0]}.")
    return None


def coded(path: object, error: Exception) -> BusError:
    message = str(error)
    if "read-only mode" in message:
        sentence = "The statement writes, but the database is open read-only."
        return BusError("DATABASE_READ_ONLY", sentence, details=[message])
    if found := _MOVED.search(message):
        return BusError("DATABASE_MOVED", f"{found[0]}.")
    if found := _FORGOTTEN.search(message):
        return BusError("ARTIFACT_FORGOTTEN", f"{found[0]}.")
    first, *_ = message.splitlines() or [type(error).__name__]
    code = "READ_FAILED" if type(error).__name__ in ("IOException", "FatalException") else "QUERY_FAILED"
    return BusError(code, f"The query of {path} failed: {first}", details=message.splitlines())


def _identity(path: Path) -> Optional[tuple[int, int]]:
    try:
        info = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return info.st_dev, info.st_ino


def _acquire(path: Path) -> Instance:
    duckdb = library("duckdb", "duckdb", "Reading the bus")
    for _ in range(_ATTEMPTS):
        identity = _identity(path)
        if identity is None:
            raise BusError("DATABASE_NOT_FOUND", f"There is no database at {path}.")
        if not path.is_file():  # DuckDB would wait for the writer of a FIFO
            raise BusError("DATABASE_INVALID", f"{path} is not a regular file.")
        if identity in _open:
            return _open[identity]
        connection = _attached(duckdb, path)
        if _identity(path) == identity:
            instance = Instance(connection, identity)
            instance.prepare = _check_of(connection)
            _open[identity] = instance
            return instance
        _doubtful.append(connection)
        _close_doubtful()
    raise BusError("READ_FAILED", f"{path} was replaced at every attempt to open it.")


def _attached(duckdb: Any, path: Path) -> Any:
    spill = Path(tempfile.gettempdir()) / f"quantbot-bus-{os.getpid()}-spill"
    settings = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": str(spill),
    }
    connection = duckdb.connect(":memory:", config=settings)
    try:
        connection.execute(f"ATTACH {literal(str(path))} AS {PUBLISHED} (READ_ONLY)")
        return connection
    except duckdb.Error as error:
        connection.close()
        raise _open_error(path, error) from error


def _open_error(path: Path, error: Exception) -> BusError:
    message = str(error)
    if message.endswith("database does not exist"):
        return BusError("DATABASE_NOT_FOUND", f"There is no database at {path}.")
    if "Could not set lock on file" in message:
        return BusError("DATABASE_LOCKED", f"{path} is open for writing in another process.", details=[message])
    if re.search(r"not a valid DuckDB database|version number|Serialization Error|checksum", message, re.IGNORECASE):
        return BusError(
            "DATABASE_INVALID", f"{path} is not a database that this DuckDB can read.", details=[message]
        )
    return BusError("READ_FAILED", f"{path} could not be opened.", details=[message])


def _check_of(connection: Any) -> Optional[Callable[[], None]]:
    """The check of the journal; None if the database is not that of a bus."""
    try:
        (root,) = connection.execute(f"SELECT bus_root FROM {PUBLISHED}.catalog.bus_info").fetchone()
    except Exception:  # no catalog, or a message of the views: the query says it
        return None
    return _checks.setdefault(root, JournalCheck(Path(root))).run


def _release(instance: Instance, pid: int) -> None:
    if pid != os.getpid():
        return
    with _lock:
        instance.users -= 1
        if instance.users > 0:
            return
        if _open.get(instance.identity) is instance:
            del _open[instance.identity]
        if not instance.has_relations:
            instance.connection.close()
        instance.connection = None
        _close_doubtful()


def _close_doubtful() -> None:
    if not _open:
        while _doubtful:
            _doubtful.pop().close()
