"""What the catalog has: artifacts, runs, jobs, aliases and lineage."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterator, List, Mapping, Optional, TypeVar

from ._bus_root import ObjectRoot, Origin
from ._errors import BusError
from ._html import Shown, table, table_of
from ._results import Result, read_arrow, read_df, read_pl, read_rel

_T = TypeVar("_T")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of an artifact's file.

    ``as_`` is the type as which a canonical table reads the column, and ``also`` a wider type that
    holds each value exactly, too. Both may be None.
    """

    name: str
    type: str
    nullable: bool
    as_: Optional[str] = None
    also: Optional[str] = None


@dataclass(frozen=True)
class ArtifactRecord(Shown):
    """An artifact in the store.

    ``seq`` is the job's place in the order of the bus, ``ordinal`` the artifact's place in its job.
    ``key`` is ``run_id/producer/kind/artifact_id``. ``path`` is absolute, on the machine of the
    daemon; in an object store it names the object, and :meth:`arrow` and its likes fetch it.
    ``inputs`` are keys of the artifacts that its run read; ``meta`` and ``provenance`` are those of
    the manifest. ``content_hash`` is a hash of the rows, or None unless ``catalog.content_hash``
    was on. ``quarantined`` are the rules of its table for which it is, or was, in quarantine, or
    None. ``submitted_at`` is of the producer's clock, ``committed_at`` of the daemon's, and
    ``forgotten_at`` the time since which its bytes are gone, or None.
    """

    seq: int
    ordinal: int
    key: str
    run_id: str
    producer: str
    kind: str
    artifact_id: str
    job_id: str
    path: Path
    rows: int
    bytes: int
    sha256: str
    schema_hint: Optional[str]
    schema: tuple[Column, ...]
    inputs: tuple[str, ...]
    meta: Optional[Mapping[str, Any]]
    provenance: Optional[Mapping[str, Any]]
    content_hash: Optional[str]
    quarantined: Optional[tuple[str, ...]]
    submitted_at: datetime
    committed_at: datetime
    forgotten_at: Optional[datetime]
    _server: Origin = field(default=None, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash((self.seq, self.ordinal, self.key))

    def arrow(self) -> Any:
        """Its rows as a ``pyarrow.Table``.

        Raises BusError ARTIFACT_FORGOTTEN, FILE_NOT_FOUND, LIBRARY_MISSING; over HTTP also
        BUS_DENIED, READ_FAILED; from an object store also OBJECT_CLIENT_MISSING, READ_FAILED.
        """
        with self._file() as path:
            return read_arrow(path)

    def df(self, *, dtype_backend: Optional[str] = None) -> Any:
        """Its rows as a ``pandas.DataFrame``, with every digit: integers with NULLs have pandas'
        ``Int64`` and its likes. ``dtype_backend="pyarrow"`` keeps Arrow's types. Raises as
        :meth:`arrow`."""
        with self._file() as path:
            return read_df(path, dtype_backend)

    def pl(self) -> Any:
        """Its rows as a ``polars.DataFrame``. Raises as :meth:`arrow`."""
        with self._file() as path:
            return read_pl(path)

    def rel(self) -> Any:
        """Its rows as a ``duckdb.DuckDBPyRelation``, in a database of its own. DuckDB cuts
        nanoseconds with a time zone to microseconds. Raises as :meth:`arrow`."""
        with self._file() as path:
            if self._server is None:
                return read_rel(path)
            from ._served import served_rel

            return served_rel(path)

    @contextmanager
    def _file(self) -> Iterator[Path]:
        """Its file on this machine, until the end of the block."""
        if self.forgotten_at is not None:
            raise BusError(
                "ARTIFACT_FORGOTTEN", f"{self.key} was forgotten at {self.forgotten_at.isoformat()}; its bytes are gone."
            )
        if self._server is None:
            yield self.path
            return
        # Most programs never need these.
        if isinstance(self._server, ObjectRoot):
            from ._lake import stored_file

            with stored_file(self._server, self.path, self.key, self.sha256, self.bytes) as path:
                yield path
            return
        from ._served import served_file

        with served_file(self._server, self.key, self.sha256, self.bytes) as path:
            yield path


@dataclass(frozen=True)
class RunRecord(Shown):
    """A run: everything with the same run id."""

    run_id: str
    producers: tuple[str, ...]
    kinds: tuple[str, ...]
    jobs: int
    artifacts: int
    rows: int
    bytes: int
    first_seq: int
    last_seq: int
    first_committed_at: datetime
    last_committed_at: datetime


@dataclass(frozen=True)
class JobRecord(Shown):
    """A settled job. ``status`` is ``ingested``, ``duplicate``, ``rejected``, or ``dismissed``:
    it was rejected, and someone said that it needs nothing more."""

    seq: int
    job_id: str
    status: str
    run_id: Optional[str]
    producer: Optional[str]
    kind: Optional[str]
    artifacts: int
    rows: int
    bytes: int
    committed_at: datetime
    reject_code: Optional[str]
    reject_error: Optional[str]
    dismissed_at: Optional[datetime] = None
    dismiss_note: Optional[str] = None
    dismissed_by: Optional[str] = None


@dataclass(frozen=True)
class AliasRecord(Shown):
    """A name that stands for an artifact, and the job that set it."""

    producer: str
    kind: str
    alias: str
    key: str
    seq: int


@dataclass(frozen=True)
class LineageEdge:
    """One artifact was an input of another. ``depth`` is its distance in steps: 1 for direct
    neighbours. ``source`` need not be an artifact of the bus."""

    source: str
    target: str
    depth: int


@dataclass(frozen=True)
class Lineage(Shown):
    """The inputs and outputs of an artifact.

    ``inputs`` are keys of the artifacts that it was computed from, ``outputs`` of those computed
    from it, nearest first. ``edges`` has every edge that was followed, once and with its shortest
    depth. ``artifacts`` are the artifact itself and all others that the catalog has, newest first.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    edges: tuple[LineageEdge, ...]
    artifacts: tuple[ArtifactRecord, ...]

    def _repr_html_(self) -> str:
        return table(("from", "to", "depth"), [(edge.source, edge.target, edge.depth) for edge in self.edges])


class Records(List[_T]):
    """What a question found, in its order. Notebooks show it as a table."""

    def _repr_html_(self) -> str:
        return table_of(self)


def artifacts_in(result: Result) -> Records[ArtifactRecord]:
    """The rows of ``catalog.artifacts_f``."""
    return Records([_artifact_record(row, result.server) for row in result.rows()])


def _artifact_record(row: Row, server: Origin) -> ArtifactRecord:
    return ArtifactRecord(
        seq=row["seq"],
        ordinal=row["ordinal"],
        key=row["artifact_key"],
        run_id=row["run_id"],
        producer=row["producer"],
        kind=row["kind"],
        artifact_id=row["artifact_id"],
        job_id=row["job_id"],
        path=Path(row["canonical_path"]),
        rows=row["rows"],
        bytes=row["bytes"],
        sha256=row["sha256"],
        schema_hint=row["schema_hint"],
        schema=tuple(
            Column(column["name"], column["type"], column["nullable"], column.get("as"), column.get("also"))
            for column in _json(row["schema_json"]) or ()
        ),
        inputs=tuple(row["inputs"] or ()),
        meta=_json(row["meta_json"]),
        provenance=_json(row.get("provenance_json")),
        content_hash=row.get("content_hash"),
        quarantined=None if row.get("quarantined") is None else tuple(row["quarantined"]),
        submitted_at=_utc(row["created_at_utc"]),
        committed_at=_utc(row["committed_at"]),
        forgotten_at=None if row.get("forgotten_at") is None else _utc(row["forgotten_at"]),
        _server=server,
    )


def run_record(row: Row) -> RunRecord:
    """A row of ``catalog.runs_d``."""
    same = ("run_id", "jobs", "artifacts", "rows", "bytes", "first_seq", "last_seq")
    return RunRecord(
        **{name: row[name] for name in same},
        producers=tuple(row["producers"]),
        kinds=tuple(row["kinds"]),
        first_committed_at=_utc(row["first_committed_at"]),
        last_committed_at=_utc(row["last_committed_at"]),
    )


def job_record(row: Row) -> JobRecord:
    """A row of ``catalog.jobs_f``."""
    same = ("seq", "job_id", "status", "run_id", "producer", "kind", "artifacts", "rows", "bytes")
    return JobRecord(
        **{name: row[name] for name in (*same, "reject_code", "reject_error")},
        committed_at=_utc(row["committed_at"]),
        dismissed_at=None if row.get("dismissed_at") is None else _utc(row["dismissed_at"]),
        dismiss_note=row.get("dismiss_note"),
        dismissed_by=row.get("dismissed_by"),
    )


def alias_record(row: Row) -> AliasRecord:
    """A row of ``catalog.aliases_v``."""
    return AliasRecord(row["producer"], row["kind"], row["alias"], row["artifact_key"], row["seq"])


def _json(text: Optional[str]) -> Any:
    return None if text is None else json.loads(text)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=timezone.utc)
