"""Follows the commits of a bus."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from threading import Event
from typing import AsyncIterator, Callable, Iterator, Optional

from ._errors import BusError
from ._records import ArtifactRecord, artifacts_in
from ._results import Result

_LOOK_S = 0.05
"""How often to look whether a commit has changed its folder."""
_MAX_WAIT_S = 2.0
"""The longest wait, for file systems whose folders do not say when they changed."""
_STEP_SEQS = 10_000
"""Jobs per query, so that a long past need not fit into memory."""
_STEP_SEQS_OF_SERVER = 500
"""The answers of a server are small."""


class Watch:
    """The commits from a moment on. To go on later, give as ``since`` the seq of the last job that
    was handled completely."""

    def __init__(
        self, query: Callable[..., Result], producer: Optional[str], kind: Optional[str], since: Optional[int]
    ) -> None:
        self._query = query
        self._producer = producer
        self._kind = kind
        if since is not None and (isinstance(since, bool) or not isinstance(since, int) or since < 0):
            raise BusError("OPTIONS_INVALID", f"since: {since!r} is not a seq.")
        self._after = self._last_seq() if since is None else since
        info = query("SELECT bus_root FROM catalog.bus_info")
        self._step = _STEP_SEQS if info.server is None else _STEP_SEQS_OF_SERVER
        (row,) = info.rows()
        self._commits = Path(row["bus_root"]) / "journal" / "hot"
        self._seen: Optional[int] = None

    def yield_until(self, stop: Optional[Event]) -> Iterator[ArtifactRecord]:
        """Yields artifacts until the event is set."""
        ended = Event() if stop is None else stop
        while not ended.is_set():
            for artifact in self._batch():
                if ended.is_set():
                    return
                yield artifact
            deadline = time.monotonic() + _MAX_WAIT_S
            while self._is_quiet(deadline) and not ended.wait(_LOOK_S):
                pass

    async def yield_async(self) -> AsyncIterator[ArtifactRecord]:
        """Yields artifacts until the task is cancelled. Queries run in a thread."""
        while True:
            for artifact in await asyncio.to_thread(self._batch):
                yield artifact
            deadline = time.monotonic() + _MAX_WAIT_S
            while self._is_quiet(deadline):
                await asyncio.sleep(_LOOK_S)

    def _batch(self) -> list[ArtifactRecord]:
        """The next artifacts. There may be more."""
        self._seen = self._changed_at()  # before the query, so that a commit meanwhile ends the wait
        last = self._last_seq()
        until = min(last, self._after + self._step)
        if until <= self._after:
            return []
        sql = (
            "SELECT * FROM catalog.artifacts_f WHERE seq > ? AND seq <= ? AND forgotten_at IS NULL "
            "ORDER BY seq, ordinal"
        )
        found = artifacts_in(self._query(sql, [self._after, until]))
        self._after = until
        if until < last:
            self._seen = None
        return [
            artifact
            for artifact in found
            if self._producer in (None, artifact.producer) and self._kind in (None, artifact.kind)
        ]

    def _is_quiet(self, deadline: float) -> bool:
        return self._seen is not None and self._changed_at() == self._seen and time.monotonic() < deadline

    def _changed_at(self) -> int:
        try:
            return self._commits.stat().st_mtime_ns
        except OSError:
            return 0

    def _last_seq(self) -> int:
        (row,) = self._query("SELECT max(seq) AS seq FROM _bus.journal").rows()
        return int(row["seq"] or 0)
