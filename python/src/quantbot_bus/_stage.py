"""Builds a job in ``staging/``. All files are checked, copied, hashed and flushed, so that one
rename submits the job."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._durable import Digest, copy_durable, move_in, sync, write_new
from ._errors import BusError
from ._fault_point import fault_point
from ._free_space import must_have_room
from ._manifest import Artifact, Job, manifest_bytes, manifest_entry
from ._parquet_footer import read_rows

STAGED_MARK = b"staged\n"
"""The content of COMMIT if the files are complete and their producer no longer has them open."""


@dataclass(frozen=True)
class StagedJob:
    """A complete and flushed job in ``staging/``."""

    folder: Path
    job_id: str
    manifest: bytes
    entries: list[dict[str, Any]]
    given_away: list[Path]

    def discard(self) -> None:
        """Removes a job that was not submitted. ``quantbot-bus gc`` removes what this cannot."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def drop_given_away(self) -> None:
        """Removes the old names of files that were moved in. One that cannot be removed stays,
        and the job is still submitted."""
        for path in self.given_away:
            try:
                path.unlink()
            except OSError:
                pass


def stage_job(bus_root: Path, job_id: str, job: Job) -> StagedJob:
    """Raises BusError ARTIFACT_MISSING, ARTIFACT_UNREADABLE, NOT_PARQUET, UNSUPPORTED_PARQUET,
    ROWS_MISMATCH, BYTES_MISMATCH, TOO_LARGE, DISK_FULL; OSError."""
    for artifact in job.artifacts:
        check_file(artifact)
    copied = [artifact.parquet for artifact in job.artifacts if (artifact.transfer or job.transfer) == "copy"]
    must_have_room(bus_root, sum(os.path.getsize(path) for path in copied))
    folder = bus_root / "staging" / f"{job_id}~{secrets.token_hex(6)}"
    folder.mkdir()
    try:
        entries: list[dict[str, Any]] = []
        given_away: list[Path] = []
        names: set[str] = set()
        for artifact in job.artifacts:
            name = _free_name(names, artifact, job.kind)
            source = Path(os.path.abspath(os.fspath(artifact.parquet)))
            digest = _bring_in(source, folder / name, artifact.transfer or job.transfer, given_away)
            # Read from the job's own file: the original may have changed since it was checked.
            rows = checked_rows(artifact, read_rows(folder / name))
            entries.append(manifest_entry(artifact, {"relpath": name}, rows, digest.bytes, digest.sha256))
            fault_point("submit:copied")
        manifest = manifest_bytes(job, job_id, entries)
        write_new(folder / "manifest.json", manifest)
        fault_point("submit:manifest-written")
        # Not flushed by itself: if a power cut empties it, the daemon copies the files instead of
        # linking them.
        write_new(folder / "COMMIT", STAGED_MARK, flush=False)
        _open_to_daemon(folder)
        sync(folder)
        return StagedJob(folder, job_id, manifest, entries, given_away)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _open_to_daemon(folder: Path) -> None:
    """Gives the job to the group of a bus that belongs to another user, with any umask of the
    producer."""
    staging = folder.parent.stat()
    if not hasattr(os, "getuid") or staging.st_uid == os.getuid() or not staging.st_mode & 0o020:
        return
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o070)
    for path in folder.iterdir():
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o040)
        except PermissionError:
            pass  # a moved file of another user keeps its mode


def _bring_in(source: Path, target: Path, transfer: str, given_away: list[Path]) -> Digest:
    if transfer == "copy":
        return copy_durable(source, target)
    # The file keeps its old name until the job is in the inbox, so that a crash in between loses
    # nothing.
    digest = move_in(source, target)
    given_away.append(source)
    return digest


def check_file(artifact: Artifact) -> None:
    """Checks the files before anything is copied, so that a mistake costs nothing."""
    path = os.fspath(artifact.parquet)
    try:
        if not os.path.isfile(path):
            os.stat(path)
            raise BusError("ARTIFACT_MISSING", f"{path} is not a file.")
        checked_rows(artifact, read_rows(path))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
            raise BusError("ARTIFACT_MISSING", f"There is no file at {path}.") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise BusError("ARTIFACT_UNREADABLE", f"This process may not read {path}.") from error
        raise
    except ValueError as error:  # a NUL in the path
        raise BusError("ARTIFACT_MISSING", f"There is no file at {path!r}.") from error


def checked_rows(artifact: Artifact, rows: int) -> int:
    """Returns the number of rows, if it is the one that was said."""
    if artifact.rows is not None and artifact.rows != rows:
        raise BusError("ROWS_MISMATCH", f"{os.fspath(artifact.parquet)} has {rows} rows, not {artifact.rows}.")
    return rows


def _free_name(taken: set[str], artifact: Artifact, job_kind: str) -> str:
    """Returns the file name of an artifact: its id, after its kind if two kinds share the id."""
    plain = f"{artifact.artifact_id}.parquet"
    name = f"{artifact.kind or job_kind}@{plain}" if plain in taken else plain
    taken.add(name)
    return name
