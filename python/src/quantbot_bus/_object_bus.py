"""Submits jobs to a bus on an object store: each file to its final place, then the manifest into
the inbox."""

from __future__ import annotations

import hashlib
import json
import os
from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, TypeVar

from ._bus_root import ObjectRoot, check_marker_text
from ._durable import digest_of
from ._errors import BusError
from ._fault_point import fault_point
from ._manifest import Artifact, Job, content_of, manifest_bytes, manifest_entry
from ._objects import Objects, StoreDenied, StoreFailed, open_objects
from ._parquet_footer import read_rows
from ._several_files import several_files
from ._stage import check_file, checked_rows

_T = TypeVar("_T")
_UNKNOWN_HINT = "Submit again: the bus takes the same content only once. The outcome of this attempt is unknown."


class ObjectBus:
    """The bus on an object store. Looks for its marker at once, if it may."""

    def __init__(self, store: ObjectRoot) -> None:
        self.objects = open_objects(store.url, store.s3)
        self.root = self.objects.url
        self._check_marker()

    def _check_marker(self) -> None:
        try:
            marker = _submitting(lambda: self.objects.read("bus.json"))
        except StoreDenied:
            return  # a producer that may only write takes it on trust
        if marker is None:
            raise BusError(
                "BUS_ROOT_NOT_FOUND",
                f"{self.root} is not a bus: it has no bus.json, so no daemon would read a job there.",
                hint="Run `quantbot-bus cluster init` once, or correct the root of the bus.",
            )
        check_marker_text(marker.decode("utf-8", "replace"), self.root, f"{self.root}/bus.json")

    def submit(self, job_id: str, is_new_id: bool, job: Job) -> tuple[bytes, list[dict[str, Any]]]:
        """Returns the manifest in the inbox, and the artifacts' entries in it."""
        for artifact in job.artifacts:
            check_file(artifact)
        entries = several_files(job.artifacts, lambda artifact: self._upload(job, artifact))
        manifest = manifest_bytes(job, job_id, entries)
        fault_point("submit:staged")
        waiting = None if is_new_id else self._waiting(job_id, content_of(manifest))
        if waiting is None:
            self._enter_inbox(job_id, manifest)
        for artifact in job.artifacts:
            if (artifact.transfer or job.transfer) == "move":
                _give_up(artifact)
        return waiting or manifest, entries

    def operate(self, job_id: str, job: Job) -> bytes:
        """Asks for an operation. Returns its manifest."""
        manifest = manifest_bytes(job, job_id, [])
        if _is_for_operators(job.op or {}):  # producers may not write below operators/
            sign = hashlib.sha256(manifest).hexdigest().encode()
            _allowed(lambda: self.objects.create(f"operators/{job_id}", sign, hashlib.sha256(sign).hexdigest()))
        self._enter_inbox(job_id, manifest)
        return manifest

    def retry(self, job_id: str) -> None:
        """Puts a rejected job back into the inbox, as it came."""
        keys = [f"rejected/{job_id}.json", f"rejected/{job_id}.manifest.json"]
        reason_text, manifest = (_allowed(partial(self.objects.read, key)) for key in keys)
        if reason_text is None or manifest is None:
            raise BusError("JOB_NOT_FOUND", f"There is no rejected job {job_id}, or its manifest is gone.")
        reason = _seq_and_hash(reason_text)
        if reason is None or reason[1] != hashlib.sha256(manifest).hexdigest():
            raise BusError(
                "FILE_DAMAGED",
                f"The rejection of the job {job_id} is damaged, or its manifest is not what was submitted.",
                hint="Submit its files again.",
            )
        self._enter_inbox(job_id, manifest, f"~{reason[0]}")
        _allowed(lambda: self.objects.remove(keys))

    def _enter_inbox(self, job_id: str, manifest: bytes, retry_of: str = "") -> None:
        digest = hashlib.sha256(manifest).hexdigest()
        key = f"inbox/{job_id}~{digest[:16]}{retry_of}.json"
        _allowed(lambda: self.objects.create(key, manifest, digest), _UNKNOWN_HINT)

    def _upload(self, job: Job, artifact: Artifact) -> dict[str, Any]:
        path = Path(os.path.abspath(os.fspath(artifact.parquet)))
        size, sha256 = digest_of(path)
        rows = checked_rows(artifact, read_rows(path))
        name = f"{job.run_id}@{artifact.artifact_id}.{sha256[:16]}.parquet"
        key = f"store/{job.producer}/{artifact.kind or job.kind}/{name}"
        if not _allowed(lambda: self.objects.create(key, path, sha256)):
            self._check_same(key, size, sha256)
        fault_point("submit:copied")
        return manifest_entry(artifact, {"object": key}, rows, size, sha256)

    def _check_same(self, key: str, size: int, sha256: str) -> None:
        try:
            found = _submitting(lambda: self.objects.digest(key))
        except StoreDenied:
            return  # its name must do: the daemon checks it again
        if found != (size, sha256):
            raise BusError("CHECKSUM_MISMATCH", f"The object {key} has another content than its name says.")

    def _waiting(self, job_id: str, content: object) -> Optional[bytes]:
        """Returns the manifest of a waiting job with this id and content."""
        try:
            found = [self.objects.read(key) for key in _submitting(lambda: self.objects.keys(f"inbox/{job_id}~"))]
        except StoreDenied:
            return None  # submit anew: the bus takes the same content only once
        for manifest in found:
            if manifest is None:
                continue  # the daemon took it meanwhile
            if content_of(manifest) == content:
                return manifest
            raise BusError("JOB_ID_IN_USE", f"A job {job_id} with other content waits in the inbox.")
        return None


class ObjectOutcome:
    """The outcomes below ``receipts/`` and ``rejected/``."""

    longest_pause_s = 2.0

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._problem: Optional[str] = None

    def receipt(self, job_id: str) -> Optional[dict[str, Any]]:
        return self._read(f"receipts/{job_id}.json")

    def reason(self, job_id: str) -> Optional[dict[str, Any]]:
        return self._read(f"rejected/{job_id}.json")

    def where_is(self, job_id: str) -> str:
        if self._problem is not None:
            return f"may be settled, which this program cannot see: {self._problem}"
        try:
            return "waits in the inbox" if self._objects.keys(f"inbox/{job_id}~") else "is not in the inbox"
        except (StoreDenied, StoreFailed):
            return "is not settled"

    def _read(self, key: str) -> Optional[dict[str, Any]]:
        """A store that does not answer may answer later. Without the right to list, absent is
        denied."""
        try:
            content = self._objects.read(key)
            self._problem = None
            found = None if content is None else json.loads(content)
        except (StoreDenied, StoreFailed) as error:
            self._problem = str(error)
            return None
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


def _seq_and_hash(reason: bytes) -> Optional[tuple[int, str]]:
    try:
        content = json.loads(reason)
        return int(content["seq"]), str(content["manifest_sha256"])
    except (ValueError, TypeError, KeyError):
        return None


def _is_for_operators(op: Mapping[str, Any]) -> bool:
    return not op["keep"] if op["type"] == "keep" else op["type"] not in ("alias", "export")


def _submitting(work: Callable[[], _T], hint: Optional[str] = None) -> _T:
    """Says that the bus could not take the job if the store failed. Raises StoreDenied as it is."""
    try:
        return work()
    except StoreFailed as error:
        raise BusError("SUBMIT_FAILED", f"The bus could not take the job: {error}.", hint=hint) from error


def _allowed(work: Callable[[], _T], hint: Optional[str] = None) -> _T:
    try:
        return _submitting(work, hint)
    except StoreDenied as error:
        raise BusError(
            "SUBMIT_FAILED",
            f"The bus could not take the job: {error}.",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE. Nothing was submitted.",
        ) from error


def _give_up(artifact: Artifact) -> None:
    """Removes a file that was given away. One that cannot be removed stays."""
    try:
        os.unlink(artifact.parquet)
    except OSError:
        pass
