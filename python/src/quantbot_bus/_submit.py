"""Submits Parquet files to the artifact bus: staging, rename into the inbox, fsync."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import warnings
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

from ._bus_root import HTTP, ObjectRoot, StrPath, find_bus_root, find_object_root
from ._durable import sync
from ._errors import BusError
from ._fault_point import fault_point
from ._manifest import MAX_MANIFEST_BYTES, Artifact, Job, check_job, content_of
from ._schema_hint import SchemaHintWarning, schema_hint_warning
from ._settle import FolderOutcome, OutcomeSource, Receipt, Waiting
from ._stage import StagedJob, stage_job

_ATTEMPTS = 100
"""How often to retry when the daemon has just taken a waiting job with the same id."""
_CROSS_DEVICE_HINT = "Put staging/ and inbox/ on one file system, as all folders of a bus must be. Nothing was submitted."
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


@dataclass(frozen=True)
class SubmittedArtifact:
    """One artifact as it was submitted; ``key`` is ``run_id/producer/kind/artifact_id``."""

    key: str
    artifact_id: str
    kind: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Submission:
    """A submitted job. From now on it survives anything, and ends as ingested, duplicate or
    rejected. ``bus_root`` is a folder, or the URL of an object store or a
    daemon's server. ``warnings`` are sentences about schema hints that look like mistakes; each is
    also issued as a SchemaHintWarning."""

    job_id: str
    bus_root: Union[Path, str]
    artifacts: tuple[SubmittedArtifact, ...]
    manifest_sha256: str
    _outcome: OutcomeSource = field(repr=False, compare=False)
    warnings: tuple[str, ...] = ()

    def settled(self, timeout_s: float = 60.0) -> Receipt:
        """Waits until the daemon has settled the job.

        Raises JobRejectedError with the rejection's code; BusError SETTLE_TIMEOUT after
        ``timeout_s`` seconds. """
        return self._waiting(timeout_s).receipt()

    async def settled_async(self, timeout_s: float = 60.0) -> Receipt:
        """:meth:`settled` for ``await``. Cancel the task to end it."""
        import asyncio

        waiting = self._waiting(timeout_s)
        while (receipt := await asyncio.to_thread(waiting.look)) is None:
            await asyncio.sleep(waiting.pause_s())
        return receipt

    def _waiting(self, timeout_s: float) -> Waiting:
        hashes = {artifact.key: artifact.sha256 for artifact in self.artifacts}
        return Waiting(self._outcome, self.job_id, self.manifest_sha256, hashes, timeout_s)


def submit_artifact(
    *,
    run_id: str,
    producer: str,
    kind: str,
    artifact_id: str,
    parquet: StrPath,
    schema_hint: Optional[str] = None,
    rows: Optional[int] = None,
    meta: Optional[Mapping[str, Any]] = None,
    inputs: Optional[Sequence[str]] = None,
    provenance: Optional[Mapping[str, Any]] = None,
    job_id: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    transfer: str = "copy",
) -> Submission:
    """Submits one Parquet file. When this returns the job is durable: it survives a crash of any
    process and a power cut.

    >>> submission = submit_artifact(
    ...     run_id="run-123", producer="baseline", kind="alerts_std", artifact_id="alerts_std",
    ...     parquet="output.parquet", schema_hint="canon.alerts_std", meta={"interval": "1m"},
    ... )  # doctest: +SKIP
    >>> submission.settled().artifacts[0].canonical_path  # doctest: +SKIP

    Raises BusError with one of the codes OPTIONS_INVALID, ID_INVALID, BUS_ROOT_NOT_FOUND,
    BUS_ROOT_INVALID, CONFIG_INVALID, CONFIG_NOT_FOUND, ARTIFACT_MISSING, ARTIFACT_UNREADABLE,
    NOT_PARQUET, UNSUPPORTED_PARQUET, ROWS_MISMATCH, BYTES_MISMATCH, TOO_LARGE, JOB_ID_IN_USE,
    DISK_FULL, SUBMIT_FAILED; to an object store also CHECKSUM_MISMATCH, OBJECT_CLIENT_MISSING; to
    the server of a daemon also CHECKSUM_MISMATCH, BUS_DENIED.
    Whatever is raised, nothing was submitted, unless the hint of SUBMIT_FAILED says that this is
    not known.
    """
    return submit_artifacts(
        [Artifact(artifact_id, parquet, schema_hint=schema_hint, rows=rows, meta=meta)],
        run_id=run_id,
        producer=producer,
        kind=kind,
        inputs=inputs,
        provenance=provenance,
        job_id=job_id,
        bus_root=bus_root,
        transfer=transfer,
    )


def submit_artifacts(
    artifacts: Iterable[Artifact],
    *,
    run_id: str,
    producer: str,
    kind: str,
    meta: Optional[Mapping[str, Any]] = None,
    inputs: Optional[Sequence[str]] = None,
    provenance: Optional[Mapping[str, Any]] = None,
    job_id: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    transfer: str = "copy",
) -> Submission:
    """Submits several Parquet files as one job: they become visible together, or none of them does.

    ``inputs`` are the keys of artifacts that the run read (its lineage). Giving the same ``job_id``
    again makes a retry idempotent. Raises like :func:`submit_artifact`. """
    job = Job(run_id, producer, kind, tuple(artifacts), job_id, inputs, provenance, meta, transfer)
    check_job(job)
    return submit_job(job, find_place(bus_root))


Place = Union[ObjectRoot, Path]
"""The object store, the server of a daemon, or the folder that jobs are submitted to."""


def find_place(bus_root: Optional[StrPath] = None) -> Place:
    """Finds where to submit to. Raises as :func:`find_bus_root`."""
    store = find_object_root(bus_root)
    return find_bus_root(bus_root) if store is None else store


def submit_job(job: Job, place: Place) -> Submission:
    """Submits a checked job. Raises like :func:`submit_artifact`."""
    new_id = job.job_id or new_job_id(job.producer)
    if isinstance(place, Path):
        return submit_to_folder(place, new_id, job)
    if place.url.startswith(HTTP):
        from ._http_bus import HttpBus, HttpOutcome  # most programs never need it

        server = HttpBus(place.url)
        manifest, entries = server.submit(new_id, job)
        fault_point("submit:accepted")
        return _submission(new_id, place.url, job, entries, manifest, HttpOutcome(server))
    from ._object_bus import ObjectBus, ObjectOutcome  # nor this

    bus = ObjectBus(place)
    try:
        manifest, entries = bus.submit(new_id, job.job_id is None, job)
    except OSError as error:
        raise BusError("SUBMIT_FAILED", f"The bus could not take the job: {error}.") from error
    fault_point("submit:accepted")
    return _submission(new_id, bus.root, job, entries, manifest, ObjectOutcome(bus.objects))


def submit_to_folder(root: Path, job_id: str, job: Job) -> Submission:
    """Submits a checked job to a bus that is a folder. Raises like :func:`submit_artifact`."""
    staged: Optional[StagedJob] = None
    try:
        staged = stage_job(root, job_id, job)
        fault_point("submit:staged")
        manifest = _enter_inbox(root, staged, job)
        fault_point("submit:accepted")
    except BaseException as error:
        if staged is not None:
            staged.discard()
        if isinstance(error, OSError):
            hint = _CROSS_DEVICE_HINT if error.errno == errno.EXDEV else None
            raise BusError("SUBMIT_FAILED", f"The bus could not take the job: {error}.", hint=hint) from error
        raise
    return _submission(staged.job_id, root, job, staged.entries, manifest, FolderOutcome(root))


def _submission(
    job_id: str,
    root: Union[Path, str],
    job: Job,
    entries: Sequence[Mapping[str, Any]],
    manifest: bytes,
    outcome: OutcomeSource,
) -> Submission:
    submitted = tuple(
        SubmittedArtifact(
            job.key(artifact),
            artifact.artifact_id,
            artifact.kind or job.kind,
            entry["rows"],
            entry["bytes"],
            entry["sha256"],
        )
        for artifact, entry in zip(job.artifacts, entries)
    )
    said = tuple(dict.fromkeys(filter(None, (schema_hint_warning(artifact.schema_hint) for artifact in job.artifacts))))
    for sentence in said:
        warnings.warn(sentence, SchemaHintWarning, stacklevel=2)
    return Submission(job_id, root, submitted, hashlib.sha256(manifest).hexdigest(), outcome, said)


def _enter_inbox(root: Path, staged: StagedJob, job: Job) -> bytes:
    """Renames the job into the inbox. A waiting job with the same id and content is a success.

    Returns the ``manifest.json`` of the job that is in the inbox now: an outcome names its hash.
    """
    inbox = root / "inbox"
    target = inbox / staged.job_id
    for _ in range(_ATTEMPTS):
        try:
            os.rename(staged.folder, target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        else:
            fault_point("submit:renamed")
            # Do this at once, so that the daemon finds files with one link, which it can link
            # instead of copying.
            staged.drop_given_away()
            _sync_or_unknown(inbox)
            return staged.manifest
        waiting = _waiting_manifest(target, staged.job_id)
        if waiting is None:
            continue  # the daemon has just taken it
        if content_of(waiting) != [[job.key(a), entry["sha256"]] for a, entry in zip(job.artifacts, staged.entries)]:
            raise BusError("JOB_ID_IN_USE", f"A job {staged.job_id} with other content waits in the inbox.")
        _sync_or_unknown(inbox)  # the earlier attempt may have died between its rename and this
        staged.drop_given_away()
        staged.discard()
        return waiting
    raise BusError("JOB_ID_IN_USE", f"Other jobs with the id {staged.job_id} keep occupying the inbox.")


def _sync_or_unknown(inbox: Path) -> None:
    """Flushes the inbox. After a failure the outcome is unknown, and the error says so."""
    try:
        sync(inbox)
    except OSError as error:
        raise BusError(
            "SUBMIT_FAILED",
            f"The bus could not take the job: {error}.",
            hint="Submit again: the bus takes the same content only once. The outcome of this attempt is unknown.",
        ) from error


def _waiting_manifest(folder: Path, job_id: str) -> Optional[bytes]:
    """Returns the manifest of the waiting job with this id; None if it is gone."""
    try:
        # Follow no link and do not block on a pipe: another user may have put it there.
        descriptor = os.open(folder / "manifest.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BusError("JOB_ID_IN_USE", f"Another job waits in {folder}.")
            return file.read(MAX_MANIFEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.lexists(folder):
            return None
        raise BusError("JOB_ID_IN_USE", f"A job {job_id} without manifest.json is in the inbox.") from None
    except OSError as error:
        raise BusError("JOB_ID_IN_USE", f"Another job waits in {folder}.") from error


def new_job_id(producer: str) -> str:
    """Returns a unique id that sorts by time and names the producer:
    ``20260131T120000123Z-simulation-9f2c61d0a4be``."""
    now = datetime.now(timezone.utc)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{producer[:60]}-{secrets.token_hex(6)}"
