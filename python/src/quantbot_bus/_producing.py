"""Submits files and data frames."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, Mapping, Optional, Sequence, Union, overload

from ._errors import BusError
from ._frames import write_frame
from ._manifest import Artifact, Job, check_job
from ._bus_root import StrPath
from ._opened import OpenedBus
from ._settle import Receipt
from ._submit import Submission, submit_job

_PARQUET_NAMES = (".parquet", ".parq", ".pq")


class Producing(OpenedBus):
    """Submits to a bus."""

    def submit(
        self,
        *parquet: Union[StrPath, Artifact],
        producer: str,
        kind: str,
        run_id: Optional[str] = None,
        artifact_id: Optional[str] = None,
        table: Optional[str] = None,
        meta: Optional[Mapping[str, Any]] = None,
        inputs: Optional[Sequence[str]] = None,
        provenance: Optional[Mapping[str, Any]] = None,
        job_id: Optional[str] = None,
        transfer: str = "copy",
    ) -> Submission:
        """Submits Parquet files as one job: they become visible together, or none of them does.

        The name of an artifact is that of its file without ``.parquet``, or ``artifact_id`` of a
        single file. ``table`` is the canonical table of all of them, and ``meta`` is stored with
        each. An ``Artifact`` says this for itself. Without ``run_id`` the run is a new one. Raises
        like ``submit_artifact``.
        """
        artifacts = [item if isinstance(item, Artifact) else _artifact(item, table, meta) for item in parquet]
        if artifact_id is not None:
            if len(artifacts) != 1 or isinstance(parquet[0], Artifact):
                raise BusError("OPTIONS_INVALID", "artifact_id is the name of one file.")
            artifacts = [_artifact(parquet[0], table, meta, artifact_id)]
        run = run_id or _new_run_id()
        return self._submit(
            Job(run, producer, kind, tuple(artifacts), job_id, inputs, provenance, transfer=transfer)
        )

    @overload
    def write(
        self,
        data: object,
        *,
        producer: Optional[str] = ...,
        kind: Optional[str] = ...,
        run_id: Optional[str] = ...,
        artifact_id: Optional[str] = ...,
        key: Optional[str] = ...,
        table: Optional[str] = ...,
        meta: Optional[Mapping[str, Any]] = ...,
        inputs: Optional[Sequence[str]] = ...,
        provenance: Optional[Mapping[str, Any]] = ...,
        job_id: Optional[str] = ...,
        timeout_s: float = ...,
        wait: Literal[True] = ...,
    ) -> Receipt: ...

    @overload
    def write(
        self,
        data: object,
        *,
        producer: Optional[str] = ...,
        kind: Optional[str] = ...,
        run_id: Optional[str] = ...,
        artifact_id: Optional[str] = ...,
        key: Optional[str] = ...,
        table: Optional[str] = ...,
        meta: Optional[Mapping[str, Any]] = ...,
        inputs: Optional[Sequence[str]] = ...,
        provenance: Optional[Mapping[str, Any]] = ...,
        job_id: Optional[str] = ...,
        timeout_s: float = ...,
        wait: Literal[False],
    ) -> Submission: ...

    def write(
        self,
        data: object,
        *,
        producer: Optional[str] = None,
        kind: Optional[str] = None,
        run_id: Optional[str] = None,
        artifact_id: Optional[str] = None,
        key: Optional[str] = None,
        table: Optional[str] = None,
        meta: Optional[Mapping[str, Any]] = None,
        inputs: Optional[Sequence[str]] = None,
        provenance: Optional[Mapping[str, Any]] = None,
        job_id: Optional[str] = None,
        timeout_s: float = 60.0,
        wait: bool = True,
    ) -> Union[Receipt, Submission]:
        """Writes data as Parquet and submits it as an artifact. Returns its receipt; with
        ``wait=False`` the submission, which is as durable.

        ``data`` is a frame of pandas, Polars, pyarrow or DuckDB, or anything else with
        ``__arrow_c_stream__``; a dict of columns or a list of dicts. ``key`` is
        ``run_id/producer/kind/artifact_id`` in one text. The ``artifact_id`` is otherwise that of
        the table or kind, and the run a new one. ``table`` is the canonical table to add the rows
        to. To make a retry idempotent, give it the same key.

        Raises like ``submit_artifact`` and ``Submission.settled``; also BusError VALUE_INVALID,
        LIBRARY_MISSING.
        """
        if key is not None:
            run_id, producer, kind, artifact_id = _ids_of(key, run_id, producer, kind, artifact_id)
        if producer is None or kind is None:
            raise BusError("OPTIONS_INVALID", "write needs a producer and a kind, or a key.")
        place = self._place()
        name = artifact_id or table or kind
        hint = None if table is None else f"canon.{table}"
        scratch = place / "staging" if isinstance(place, Path) else None
        try:
            folder = tempfile.TemporaryDirectory(prefix="write~", dir=scratch)
        except OSError as error:
            raise BusError("SUBMIT_FAILED", f"The bus could not take the job: {error}.") from error
        with folder as at:
            path = Path(at) / "data.parquet"
            artifact = Artifact(name, path, schema_hint=hint, meta=meta)
            job = Job(
                run_id or _new_run_id(), producer, kind, (artifact,), job_id, inputs, provenance, transfer="move"
            )
            check_job(job)
            write_frame(data, path)
            submission = submit_job(job, place)
        return submission.settled(timeout_s) if wait else submission

    async def write_async(
        self,
        data: object,
        *,
        producer: Optional[str] = None,
        kind: Optional[str] = None,
        run_id: Optional[str] = None,
        artifact_id: Optional[str] = None,
        key: Optional[str] = None,
        table: Optional[str] = None,
        meta: Optional[Mapping[str, Any]] = None,
        inputs: Optional[Sequence[str]] = None,
        provenance: Optional[Mapping[str, Any]] = None,
        job_id: Optional[str] = None,
        timeout_s: float = 60.0,
    ) -> Receipt:
        """:meth:`write` for ``await``. A thread writes and sends the data. Cancel the task to end
        the wait for the receipt."""
        import asyncio

        submission = await asyncio.to_thread(
            lambda: self.write(
                data,
                producer=producer,
                kind=kind,
                run_id=run_id,
                artifact_id=artifact_id,
                key=key,
                table=table,
                meta=meta,
                inputs=inputs,
                provenance=provenance,
                job_id=job_id,
                wait=False,
            )
        )
        return await submission.settled_async(timeout_s)

    def _submit(self, job: Job) -> Submission:
        check_job(job)
        return submit_job(job, self._place())


def _artifact(
    parquet: Any, table: Optional[str], meta: Optional[Mapping[str, Any]], artifact_id: Optional[str] = None
) -> Artifact:
    name = os.path.basename(os.fspath(parquet))
    stem, extension = os.path.splitext(name)
    plain = stem if extension.lower() in _PARQUET_NAMES else name
    return Artifact(artifact_id or plain, parquet, schema_hint=None if table is None else f"canon.{table}", meta=meta)


def _ids_of(key: str, *others: Optional[str]) -> list[str]:
    ids = key.split("/")
    if len(ids) != len(others):
        raise BusError("OPTIONS_INVALID", "key: must be run_id/producer/kind/artifact_id.")
    if any(other not in (None, own) for own, other in zip(ids, others)):
        raise BusError("OPTIONS_INVALID", "key names other ids than run_id, producer, kind or artifact_id.")
    return ids


def _new_run_id() -> str:
    now = datetime.now(timezone.utc)
    return f"run-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"
