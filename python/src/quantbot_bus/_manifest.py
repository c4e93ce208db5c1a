"""Checks the options of a call, and builds ``manifest.json``."""

from __future__ import annotations

import json
import operator
import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence

from ._bus_root import StrPath
from ._errors import BusError
from ._schema_hint import schema_hint_problem
from ._tracing import current_trace

MAX_MANIFEST_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_ARTIFACTS = 10_000
MAX_INPUTS = 10_000
MAX_OPERATION_KEYS = 2_000
MAX_SAFE_INTEGER = 2**53 - 1

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){3}\Z")
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_COLUMN_TYPE = re.compile(
    r"(BIGINT|UBIGINT|DOUBLE|BOOLEAN|VARCHAR|UUID|DATE|TIME|TIMESTAMP|TIMESTAMP_NS|TIMESTAMP WITH TIME ZONE"
    r"|DECIMAL\((38|[12][0-9]|3[0-7]|[1-9]),(0|[1-9]|[12][0-9]|3[0-8])\))\Z"
)
_ID_RULE = "must be letters, digits, dot, underscore or hyphen, starting with a letter or digit, at most 100"
_TRANSFERS = ("copy", "move")


@dataclass(frozen=True)
class Artifact:
    """One Parquet file of a job.

    ``parquet`` is its path; ``kind`` is the job's when absent; ``schema_hint`` ``canon.<table>``
    makes it part of a canonical table; ``rows`` is checked against the file and filled in when
    absent; ``meta`` is stored unchanged; ``transfer`` is ``copy`` or ``move``. """

    artifact_id: str
    parquet: StrPath
    kind: Optional[str] = None
    schema_hint: Optional[str] = None
    rows: Optional[int] = None
    meta: Optional[Mapping[str, Any]] = None
    transfer: Optional[str] = None


@dataclass(frozen=True)
class Job:
    """The fields of a job, without its artifacts."""

    run_id: str
    producer: str
    kind: str
    artifacts: Sequence[Artifact]
    job_id: Optional[str] = None
    inputs: Optional[Sequence[str]] = None
    provenance: Optional[Mapping[str, Any]] = None
    meta: Optional[Mapping[str, Any]] = None
    transfer: str = "copy"
    op: Optional[Mapping[str, Any]] = None
    """An operation, in a job without artifacts."""

    def key(self, artifact: Artifact) -> str:
        """``run_id/producer/kind/artifact_id``."""
        return f"{self.run_id}/{self.producer}/{artifact.kind or self.kind}/{artifact.artifact_id}"


def check_job(job: Job) -> None:
    """Raises BusError ID_INVALID if only ids are wrong, otherwise OPTIONS_INVALID, with one detail
    per problem."""
    bad_ids = [f"{name}: {_ID_RULE}" for name, value in _ids(job) if not _matches(_ID, value)]
    bad_ids += [
        f"inputs.{index}: must be run_id/producer/kind/artifact_id"
        for index, key in enumerate(job.inputs or ())
        if not _matches(_KEY, key)
    ]
    others = list(_other_problems(job))
    details = bad_ids + others
    if not details:
        return
    sentence = details[0] if len(details) == 1 else f"{len(details)} options are not valid: {'; '.join(details)}"
    raise BusError("OPTIONS_INVALID" if others else "ID_INVALID", f"{sentence}.", details=details)


def check_operation(op: Mapping[str, Any]) -> None:
    """Raises BusError OPTIONS_INVALID, with one detail per problem."""
    details = list(_operation_problems(op))
    if details:
        raise BusError("OPTIONS_INVALID", "The options of the operation are not valid.", details=details)


def _operation_problems(op: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"{name}: {_ID_RULE}" for name in ("producer", "kind", "alias") if name in op and not _matches(_ID, op[name])
    )
    if "artifact_key" in op and op["artifact_key"] is not None and not _matches(_KEY, op["artifact_key"]):
        yield "key: must be run_id/producer/kind/artifact_id"
    if "artifact_keys" in op:
        yield from _key_problems(op["artifact_keys"])
    if "job_ids" in op:
        yield from _job_id_problems(op["job_ids"])
    if not op.get("note", "a note"):
        yield "note: must not be empty"
    for name in ("table", "to"):
        if name in op and not _matches(_TABLE, op[name]):
            yield f"{name}: must be the name of a canonical table, in lower case and without canon."
    if op.get("mode", "append") not in ("append", "latest", "upsert"):
        yield "mode: must be append, latest or upsert"
    for name in ("key", "order_by"):
        if name in op and not _are_columns(op[name]):
            yield f"{name}: must be a list of at most 100 names of columns"
    if "column" in op and not _are_columns([op["column"]]):
        yield "column: must be the name of a column"
    if "column_type" in op and not _matches(_COLUMN_TYPE, op["column_type"]):
        yield "type: must be a type of DuckDB as the catalog prints it, such as BIGINT or DECIMAL(18,4)"
    if op.get("rows", "default") not in ("default", "drop"):
        yield "rows: must be default or drop"
    for name in ("keep", "force"):
        if not isinstance(op.get(name, True), bool):
            yield f"{name}: must be True or False"
    for name, longest in (("reason", 1_000), ("note", 1_000), ("by", 200)):
        value = op.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= longest):
            yield f"{name}: must be a text of at most {longest} characters"


def _are_columns(names: Any) -> bool:
    return (
        isinstance(names, list)
        and len(names) <= 100
        and all(isinstance(name, str) and 1 <= len(name) <= 255 for name in names)
    )


def _key_problems(keys: Any) -> Iterator[str]:
    if isinstance(keys, str) or not 1 <= len(keys) <= MAX_OPERATION_KEYS:
        yield f"keys: must be a list of 1 to {MAX_OPERATION_KEYS} keys"
    else:
        bad = (index for index, key in enumerate(keys) if not _matches(_KEY, key))
        yield from (f"keys.{index}: must be run_id/producer/kind/artifact_id" for index in bad)


def _job_id_problems(jobs: Any) -> Iterator[str]:
    if isinstance(jobs, str) or not 1 <= len(jobs) <= MAX_OPERATION_KEYS:
        yield f"jobs: must be a list of 1 to {MAX_OPERATION_KEYS} ids of jobs"
    else:
        bad = (index for index, job in enumerate(jobs) if not (isinstance(job, str) and 1 <= len(job) <= 255))
        yield from (f"jobs.{index}: must be the id of a job" for index in bad)


def is_id(value: object) -> bool:
    """Whether a value is the id of a run, a producer, a job and so on."""
    return _matches(_ID, value)


def _ids(job: Job) -> Iterator[tuple[str, object]]:
    yield from (("run_id", job.run_id), ("producer", job.producer), ("kind", job.kind))
    if job.job_id is not None:
        yield "job_id", job.job_id
    for index, artifact in enumerate(job.artifacts):
        yield f"artifacts.{index}.artifact_id", artifact.artifact_id
        if artifact.kind is not None:
            yield f"artifacts.{index}.kind", artifact.kind


def _other_problems(job: Job) -> Iterator[str]:
    if not 1 <= len(job.artifacts) <= MAX_ARTIFACTS:
        yield f"artifacts: a job has 1 to {MAX_ARTIFACTS} of them"
    if job.inputs is not None and (isinstance(job.inputs, str) or len(job.inputs) > MAX_INPUTS):
        yield f"inputs: must be a list of at most {MAX_INPUTS} keys"
    if job.transfer not in _TRANSFERS:
        yield "transfer: must be copy or move"
    yield from json_problems("provenance", job.provenance)
    yield from json_problems("meta", job.meta)
    seen: set[str] = set()
    for index, artifact in enumerate(job.artifacts):
        at = f"artifacts.{index}"
        if not isinstance(artifact.parquet, (str, os.PathLike)) or os.fspath(artifact.parquet) in ("", b""):
            yield f"{at}.parquet: must be a path"
        problem = None if artifact.schema_hint is None else schema_hint_problem(artifact.schema_hint)
        if problem is not None:
            yield f"{at}.schema_hint: {problem}"
        if artifact.rows is not None and not 0 <= _integer(artifact.rows) <= MAX_SAFE_INTEGER:
            yield f"{at}.rows: must be a whole number from 0"
        if artifact.transfer is not None and artifact.transfer not in _TRANSFERS:
            yield f"{at}.transfer: must be copy or move"
        yield from json_problems(f"{at}.meta", artifact.meta, around=3)  # manifest, artifacts, artifact
        if job.key(artifact) in seen:
            yield f"{at}: appears twice: {job.key(artifact)}"
        seen.add(job.key(artifact))


def json_problems(name: str, value: object, around: int = 1) -> Iterable[str]:
    """Yields the reasons why a value is not a JSON object that every reader understands alike.
    ``around`` is the number of levels that enclose it."""
    if value is None:
        return []
    if not isinstance(value, Mapping):
        return [f"{name}: must be a JSON object"]
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        return [f"{name}: is nested more than {MAX_DEPTH} levels deep"]
    except (TypeError, ValueError) as error:
        return [f"{name}: cannot be written as JSON ({error})"]
    return list(_deep_problems(name, value, around + 1))


def _deep_problems(name: str, value: object, depth: int) -> Iterator[str]:
    if isinstance(value, (Mapping, list, tuple)) and depth > MAX_DEPTH:
        yield f"{name[:100]}: is nested more than {MAX_DEPTH} levels deep, the manifest around it included"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or key == "__proto__":
                yield f"{name}: {key!r} cannot be a key"
            else:
                yield from _deep_problems(f"{name}.{key}", item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _deep_problems(f"{name}.{index}", item, depth + 1)
    elif isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        yield f"{name}: is beyond 2^53 and would lose digits; give it as a string"


def manifest_bytes(job: Job, job_id: str, artifacts: Sequence[Mapping[str, Any]]) -> bytes:
    """``manifest.json``, byte for byte as the TypeScript side writes it.

    Raises BusError TOO_LARGE beyond 1 MiB.
    """
    now = datetime.now(timezone.utc)
    draft: dict[str, Any] = {
        "manifest_version": 1,
        "job_id": job_id,
        "run_id": job.run_id,
        "producer": job.producer,
        "kind": job.kind,
        "created_at_utc": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "artifacts": list(artifacts),
        **_present(inputs=None if job.inputs is None else list(job.inputs), provenance=job.provenance, meta=job.meta),
        **current_trace(),
        **_present(op=job.op),
    }
    content = (json.dumps(draft, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
    if len(content) > MAX_MANIFEST_BYTES:
        raise BusError("TOO_LARGE", f"The manifest would have {len(content)} bytes; {MAX_MANIFEST_BYTES} are allowed.")
    return content


def manifest_entry(
    artifact: Artifact, place: Mapping[str, str], rows: int, size: int, sha256: str
) -> dict[str, Any]:
    """Returns one artifact of the manifest. ``place`` is its ``relpath`` or ``object``."""
    return {
        "artifact_id": artifact.artifact_id,
        **_present(kind=artifact.kind),
        "format": "parquet",
        **place,
        **_present(schema_hint=artifact.schema_hint),
        "rows": rows,
        "bytes": size,
        "sha256": sha256,
        **_present(meta=artifact.meta),
    }


def content_of(manifest: bytes) -> object:
    """Returns keys and hashes; None if the manifest has none."""
    try:
        job = json.loads(manifest)
        at = f"{job['run_id']}/{job['producer']}"
        return [
            [f"{at}/{item.get('kind', job['kind'])}/{item['artifact_id']}", item.get("sha256")]
            for item in job["artifacts"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _integer(value: object) -> int:
    """Converts whole numbers of any library (numpy too); -1 for any other value."""
    try:
        return -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return -1
