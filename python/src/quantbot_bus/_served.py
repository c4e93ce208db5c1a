"""Reads a bus over HTTP, from the server of a daemon."""

from __future__ import annotations

import base64
import json
import math
import tempfile
import weakref
from contextlib import contextmanager
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional
from uuid import UUID

from ._database import Database, Params, coded, need_new_duckdb
from ._durable import digest_of
from ._errors import BusError
from ._exact import check_digits
from ._frames import library
from ._http_bus import HttpBus, ServerSilent, silence
from ._large_answer import JSON, PIECE_BYTES, large_answer, reading
from ._queries import identifier
from ._results import exact_relation



class ServedDatabase(Database):
    """The database behind the server of a daemon. The server answers with texts, and DuckDB turns
    them into values again: each of its values has a text of its own."""

    def __init__(self, server: HttpBus, seq: Optional[int] = None) -> None:
        super().__init__(Path(server.root))
        self.server = server.root
        self._bus = server
        self._seq = seq
        if seq is not None:
            self.last_seq = seq

    @contextmanager
    def answering(self, sql: str, params: Optional[Params]) -> Iterator[tuple[Any, str, Optional[Params]]]:
        """A connection with the rows as the table ``answer``.

        Raises BusError as :meth:`Database.reading`, and BUS_DENIED.
        """
        connection = self._answer(sql, params)
        try:
            yield connection, "FROM answer", None
        finally:
            connection.close()

    def relation(self, sql: str, params: Optional[Params] = None) -> Any:
        connection = self._answer(sql, params)
        return _kept(connection.table("answer"), connection)

    def past(self, seq: int) -> Database:
        return ServedDatabase(self._bus, min(seq, self.last_seq))

    def close(self) -> None:
        self._closed = True

    def _answer(self, sql: str, params: Optional[Params]) -> Any:
        if self._closed:
            raise BusError("CLOSED", "The bus was closed.")
        need_new_duckdb("Reading over HTTP")
        bound = None if params is None else json.dumps(_encoded(params))
        inner = f"({sql.strip().rstrip(';')}\n)"
        types = f"SELECT typeof(COLUMNS(t.*)) AS '\\0' FROM (SELECT 1) one LEFT JOIN {inner} t ON true LIMIT 1"
        described = self._ask(types, bound)
        names = described["names"]
        places = [f"c{index}" for index in range(len(names))]
        texts = ", ".join(f"{place}::VARCHAR" for place in places)
        try:
            rows = self._ask(f"SELECT {texts} FROM {inner} t({', '.join(places)})", bound)["rows"]
        except BusError as error:
            if error.code != "ANSWER_TOO_LARGE":
                raise
            return large_answer(self._bus, self._question(sql, bound))
        return _table_of(names, described["rows"][0], rows, Path(self._bus.root))

    def _question(self, sql: str, params: Optional[str]) -> bytes:
        question: dict[str, Any] = {"sql": sql}
        if params is not None:
            question["params"] = params
        if self._seq is not None:
            question["asOf"] = self._seq
        return json.dumps(question).encode("utf-8")

    def _ask(self, sql: str, params: Optional[str]) -> Mapping[str, Any]:
        body = self._question(sql, params)
        answer = reading(self._bus.root, lambda: self._bus.ask("POST", "/api/v1/rows", body, JSON))
        found: Mapping[str, Any] = json.loads(answer.body)
        return found


@contextmanager
def served_file(root: str, key: str, sha256: str, size: int) -> Iterator[Path]:
    """The file of an artifact, on this machine until the end of the block.

    Raises BusError ARTIFACT_FORGOTTEN, BUS_DENIED, FILE_NOT_FOUND, READ_FAILED.
    """
    with tempfile.TemporaryDirectory(prefix="quantbot-bus-") as folder:
        path = Path(folder) / "artifact.parquet"
        _fetch(HttpBus(root), f"/api/v1/artifacts/{key}/file", path, size)
        if digest_of(path) != (size, sha256):
            raise BusError("READ_FAILED", f"{root} has sent another file than that of {key}.")
        yield path


def served_rel(path: Path) -> Any:
    """A Parquet file as a relation of DuckDB that does not need the file any more."""
    duckdb = library("duckdb", "duckdb", "A relation of DuckDB")
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    check_digits(connection, path)
    exact_relation(connection, str(path)).create("artifact")
    return _kept(connection.table("artifact"), connection)


def _kept(relation: Any, connection: Any) -> Any:
    weakref.finalize(relation, id, connection)  # DuckDB before 1.5 closes a connection that nothing names
    return relation


def _fetch(bus: HttpBus, at: str, path: Path, size: int) -> None:
    """After a broken connection it goes on where that ended."""
    reached = [0]

    def go_on() -> None:
        headers = {"Range": f"bytes={reached[0]}-"} if reached[0] else {}
        with bus.answer("GET", at, headers=headers) as answer:
            reached[0] = reached[0] if answer.status == 206 else 0
            file.seek(reached[0])
            while piece := answer.read(PIECE_BYTES):
                file.write(piece)
                reached[0] += len(piece)
        if reached[0] < size:
            raise ServerSilent(silence(bus.root, "the file was cut off"))

    with open(path, "wb") as file:
        reading(bus.root, go_on, lambda: reached[0])


def _table_of(names: list[str], types: list[str], rows: list[list[Optional[str]]], path: Path) -> Any:
    """A connection to a database in memory with the rows as the table ``answer``."""
    duckdb = library("duckdb", "duckdb", "Reading the bus")
    connection = duckdb.connect(":memory:")
    texts = [[row[index] for row in rows] for index in range(len(names))]
    columns = ", ".join(f"unnest(${index + 1}::VARCHAR[]) AS c{index}" for index in range(len(names)))
    shown = ", ".join(
        f"c{index}::{_type(kind)} AS {identifier(name)}" for index, (name, kind) in enumerate(zip(names, types))
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE answer AS SELECT {shown} FROM (SELECT {columns})", texts)
    except duckdb.Error as error:
        connection.close()
        raise coded(path, error) from error
    return connection


def _type(name: str) -> str:
    """NULL without a type is an INTEGER for DuckDB."""
    return "INTEGER" if name == '"NULL"' else name


def _encoded(value: Any) -> Any:
    """A parameter as the server takes it: what JSON does not have is a list with its kind."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return ["bigint", str(value)]
    if isinstance(value, float):
        return _encoded_float(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ["bytes", base64.b64encode(bytes(value)).decode("ascii")]
    if isinstance(value, datetime):
        utc = value if value.tzinfo is None else value.astimezone(timezone.utc).replace(tzinfo=None)
        since = utc - datetime(1970, 1, 1)
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return ["date", micros // 1000] if micros % 1000 == 0 else str(utc)
    if isinstance(value, (Decimal, UUID, date, time)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return ["list", *(_encoded(item) for item in value)]
    if isinstance(value, Mapping):
        return ["struct", *([str(name), _encoded(item)] for name, item in value.items())]
    raise BusError("OPTIONS_INVALID", f"A parameter of the type {type(value).__name__} cannot be sent to a server.")


def _encoded_float(value: float) -> Any:
    if math.isnan(value):
        return ["number", "NaN"]
    if math.isinf(value):
        return ["number", "Infinity" if value > 0 else "-Infinity"]
    return ["number", "-0"] if value == 0 and math.copysign(1, value) < 0 else value
