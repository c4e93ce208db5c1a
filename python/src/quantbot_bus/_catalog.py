"""The questions to the catalog of a bus."""

from __future__ import annotations

import re
from datetime import datetime
from threading import Event
from typing import Any, AsyncIterator, Callable, Iterator, Optional, TypeVar, Union

from ._database import Database, Params
from ._errors import BusError
from ._lineage import lineage_of
from ._list_artifacts import latest_artifact, list_artifacts
from ._list_jobs import list_jobs, list_runs
from ._queries import utc_of
from ._records import (
    AliasRecord,
    ArtifactRecord,
    JobRecord,
    Lineage,
    Records,
    Row,
    RunRecord,
    alias_record,
    artifacts_in,
    job_record,
    run_record,
)
from ._results import Result
from ._watch import Watch
from ._words import ARTIFACT_WORDS, JOB_WORDS, RUN_WORDS, before_of, words_of

_T = TypeVar("_T")
_TABLE = re.compile(r"(?:canon\.)?([A-Za-z_][A-Za-z0-9_]{0,62})")


class Catalog:
    """The catalog of a bus. It stays live: each call sees the newest commit.

    Every call raises BusError DATABASE_NOT_FOUND, DATABASE_INVALID, DATABASE_LOCKED,
    DATABASE_MOVED, JOURNAL_DAMAGED, READ_FAILED, LIBRARY_MISSING, CLOSED; over HTTP also
    BUS_DENIED.
    """

    def _database(self) -> Database:
        raise NotImplementedError

    def latest(
        self, producer: str, kind: str, artifact_id: Optional[str] = None, *, alias: Optional[str] = None
    ) -> Optional[ArtifactRecord]:
        """Returns the newest artifact of a producer and kind by seq that is not forgotten, or None.
        ``artifact_id`` is required if the kind has several; ``alias`` selects the artifact of this
        alias instead of the newest."""
        return latest_artifact(self.query, producer, kind, artifact_id, alias)

    def artifacts(
        self,
        *,
        key: Optional[str] = None,
        run_id: Optional[str] = None,
        producer: Optional[str] = None,
        kind: Optional[str] = None,
        artifact_id: Optional[str] = None,
        since: Optional[datetime] = None,
        until: Optional[datetime] = None,
        before_seq: Optional[int] = None,
        before_ordinal: Optional[int] = None,
        text: Optional[str] = None,
        quarantined: Optional[bool] = None,
        sort: Optional[str] = None,
        offset: Optional[int] = None,
        limit: Optional[int] = None,
    ) -> Records[ArtifactRecord]:
        """Returns artifacts, newest first. Forgotten ones have ``forgotten_at``. ``since`` is
        inclusive, ``until`` is not. To get the next page, give ``before_seq`` and
        ``before_ordinal`` those of the last artifact. ``text``: only artifacts that have all of
        these words in key, schema hint or ``meta``, in any case. The word ``meta.strategy=carry``
        compares one field of ``meta``. ``quarantined``: only artifacts that are, or were, in
        quarantine, or only the others. ``sort`` is one of ``artifact``, ``source``, ``when``,
        ``rows``, ``size`` and ``run``, or one with a minus for the greatest first: ``-rows``. With
        ``sort``, ``offset`` gives the next page."""
        is_marked = f"({'quarantined' if limit is None else 'reject_details'} IS NOT NULL) = ?"
        conditions = [
            ("artifact_key = ?", key),
            ("run_id = ?", run_id),
            ("producer = ?", producer),
            ("kind = ?", kind),
            ("artifact_id = ?", artifact_id),
            ("committed_at >= ?", since),
            ("committed_at < ?", until),
            (is_marked, quarantined),
            *before_of(before_seq, before_ordinal),
            *words_of(text, ARTIFACT_WORDS, "meta_json"),
        ]
        return list_artifacts(self.query, conditions, sort=sort, offset=offset, limit=limit)

    def runs(
        self,
        *,
        run_id: Optional[str] = None,
        before_seq: Optional[int] = None,
        text: Optional[str] = None,
        sort: Optional[str] = None,
        offset: Optional[int] = None,
        limit: Optional[int] = None,
    ) -> Records[RunRecord]:
        """Returns runs, newest first. ``before_seq`` selects runs whose last job is before it.
        ``text``: only runs that have all of these words in id, producers or kinds.
        ``sort`` and ``offset`` are as in :meth:`artifacts`, with ``run``, ``when``, ``artifacts``,
        ``rows`` and ``size``."""
        conditions = [("run_id = ?", run_id), ("last_seq < ?", before_seq), *words_of(text, RUN_WORDS)]
        found = list_runs(self.query, conditions, sort=sort, offset=offset, limit=limit)
        return Records([run_record(row) for row in found])

    def jobs(
        self,
        *,
        status: Optional[str] = None,
        run_id: Optional[str] = None,
        producer: Optional[str] = None,
        kind: Optional[str] = None,
        reject_code: Optional[str] = None,
        since: Optional[datetime] = None,
        until: Optional[datetime] = None,
        before_seq: Optional[int] = None,
        text: Optional[str] = None,
        sort: Optional[str] = None,
        offset: Optional[int] = None,
        limit: Optional[int] = None,
    ) -> Records[JobRecord]:
        """Returns settled jobs, newest first. A job id that was retried appears once per attempt.
        ``since`` and ``until`` are as in :meth:`artifacts`. ``text``: only jobs that have all of
        these words in ids, source, code or message. ``sort`` and ``offset`` are as in
        :meth:`artifacts`, with ``state``, ``source``, ``when``, ``rows``, ``artifacts``, ``run``
        and ``job``."""
        conditions = [
            ("status = ?", status),
            ("run_id = ?", run_id),
            ("producer = ?", producer),
            ("kind = ?", kind),
            ("reject_code = ?", reject_code),
            ("committed_at >= ?", since),
            ("committed_at < ?", until),
            *words_of(text, JOB_WORDS),
        ]
        found = list_jobs(self.query, conditions, before_seq=before_seq, sort=sort, offset=offset, limit=limit)
        return Records([job_record(row) for row in found])

    def rejected(self, *, limit: Optional[int] = None) -> Records[JobRecord]:
        """Returns rejected jobs, newest first, with ``reject_code`` and ``reject_error``."""
        return self.jobs(status="rejected", limit=limit)

    def job(self, job_id: str) -> Optional[JobRecord]:
        """Returns the outcome of a job's newest attempt, or None while it has not settled."""
        sql = "SELECT * FROM catalog.jobs_f WHERE job_id = ? ORDER BY seq DESC LIMIT 1"
        return self._first(job_record, sql, [job_id])

    def lineage(self, key: str, *, direction: str = "both", depth: float = 1) -> Lineage:
        """Returns the inputs and outputs of an artifact: direct neighbours, or with ``depth``
        further ones (``math.inf``: all). ``direction`` is ``inputs``, ``outputs`` or ``both``. An
        unknown key has none.

        Also raises BusError OPTIONS_INVALID.
        """
        return lineage_of(self.query, key, direction, depth)

    def same_content(self, key: str) -> Records[ArtifactRecord]:
        """Returns other artifacts with the same rows, whatever their order and encoding, newest
        first. Requires ``catalog.content_hash``."""
        sql = (
            "SELECT * FROM catalog.artifacts_f WHERE artifact_key <> $1 AND content_hash = "
            "(SELECT content_hash FROM catalog.artifacts_f WHERE artifact_key = $1) ORDER BY seq DESC, ordinal DESC"
        )
        return artifacts_in(self.query(sql, [key]))

    def aliases(self) -> Records[AliasRecord]:
        """Returns the current aliases. ``catalog.alias_history_f`` has the earlier ones."""
        return self._all(alias_record, "SELECT * FROM catalog.aliases_v ORDER BY producer, kind, alias", [])

    def query(self, sql: str, params: Optional[Params] = None) -> Result:
        """Returns the rows of one SQL query over ``catalog.*`` and ``canon.*``, as ``.df()``,
        ``.pl()``, ``.arrow()``, ``.rel()`` or ``.rows()``. Parameters are bound: ``?`` or ``$1``
        with a list, ``$name`` with a dict.

        The calls also raise BusError QUERY_FAILED, ARTIFACT_FORGOTTEN.
        """
        return Result(self._database(), sql, params)

    def table(self, name: str) -> Result:
        """Returns the rows of a canonical table, as :meth:`query`."""
        match = _TABLE.fullmatch(name)
        if match is None:
            raise BusError("OPTIONS_INVALID", f"{name!r} is not the name of a canonical table.")
        return self.query(f'SELECT * FROM canon."{match[1]}"')

    def as_of(self, at: Union[int, datetime]) -> "Past":
        """Returns the catalog as of a moment: after the job with this seq, or at this time by the
        daemon's clock. It never changes; close it after its last use.

        Canonical tables have the rows of that moment, with today's columns. On this machine, tables
        of other modes than ``append``, and tables that an operation has changed since, raise
        QUERY_FAILED.
        """
        database = self._database()
        return Past(database.past(self._seq_at(at)))

    def watch(
        self,
        *,
        producer: Optional[str] = None,
        kind: Optional[str] = None,
        since: Optional[int] = None,
        stop: Optional[Event] = None,
    ) -> Iterator[ArtifactRecord]:
        """Yields every artifact as it is committed, in order, until the loop ends or ``stop`` is
        set. ``since`` starts after the job with this seq, so that nothing is missed between two
        watches; without it, with the next commit. Forgotten artifacts are left out.

        >>> for artifact in bus.watch(producer="baseline", since=17):  # doctest: +SKIP
        ...     print(artifact.seq, artifact.path)
        """
        return Watch(self.query, producer, kind, since).yield_until(stop)

    def watch_async(
        self, *, producer: Optional[str] = None, kind: Optional[str] = None, since: Optional[int] = None
    ) -> AsyncIterator[ArtifactRecord]:
        """:meth:`watch` for ``async for``. Cancel the task to end it."""
        return Watch(self.query, producer, kind, since).yield_async()

    def _seq_at(self, at: Union[int, datetime]) -> int:
        if isinstance(at, datetime):
            sql = "SELECT max(seq) AS seq FROM catalog.jobs_f WHERE committed_at <= ?"
            (row,) = self.query(sql, [utc_of(at)]).rows()
            return int(row["seq"] or 0)
        if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < 2**53:
            raise BusError("OPTIONS_INVALID", f"{at!r} is neither a seq nor a datetime.")
        return at

    def _all(self, record: Callable[[Row], _T], sql: str, params: list[Any]) -> Records[_T]:
        return Records([record(row) for row in self.query(sql, params).rows()])

    def _first(self, record: Callable[[Row], _T], sql: str, params: list[Any]) -> Optional[_T]:
        return next(iter(self._all(record, sql, params)), None)


class Past(Catalog):
    """The catalog as it was, from ``as_of``."""

    def __init__(self, database: Database) -> None:
        self._own: Optional[Database] = database

    def __enter__(self) -> "Past":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes it. Later calls raise CLOSED."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def _database(self) -> Database:
        if self._own is None:
            raise BusError("CLOSED", "This past of the bus was closed.")
        return self._own
