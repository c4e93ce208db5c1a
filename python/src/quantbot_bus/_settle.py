"""Waits for the outcome of a job: ``processed/<job_id>/RECEIPT.json`` or
``rejected/<job_id>/REJECT_REASON.json``."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Protocol

from ._errors import BusError, JobRejectedError
from ._html import table, table_of

_FIRST_PAUSE_S = 0.01


@dataclass(frozen=True)
class ReceiptArtifact:
    """One artifact of a receipt; ``status`` is ``ingested``, ``duplicate``, or ``restored`` if it
    had been forgotten. ``quarantined`` has the rules of its table that it breaks. If there are any,
    its rows are not in the table."""

    status: str
    key: str
    canonical_path: str
    rows: int
    bytes: int
    sha256: str
    quarantined: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForgetOutcome:
    """What became of one key that was to be forgotten.

    ``status`` is ``forgotten``, ``protected``, ``already_forgotten`` or ``unknown``. ``bytes`` go,
    and ``rows`` says what becomes of its rows in its canonical table: ``kept``, ``dropped``, or
    None without a table. ``protected_by`` has one sentence per reason. """

    key: str
    status: str
    bytes: int
    rows: Optional[str] = None
    protected_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """The job is in the store. ``status`` is ``duplicate`` if the bus already had every artifact;
    ``raw`` is the whole ``RECEIPT.json``. ``forget`` has the outcomes of an operation that forgets
    artifacts."""

    job_id: str
    seq: int
    status: str
    committed_at: str
    artifacts: tuple[ReceiptArtifact, ...]
    raw: Mapping[str, Any]
    forget: tuple[ForgetOutcome, ...] = ()

    def _repr_html_(self) -> str:
        head = table(("job_id", "seq", "status", "committed_at"), [(self.job_id, self.seq, self.status, self.committed_at)])
        return head + "".join(table_of(part) for part in (self.artifacts, self.forget) if part)


class OutcomeSource(Protocol):
    """Where the outcome of a job appears. Either outcome may be of an older submission."""

    longest_pause_s: float

    def receipt(self, job_id: str) -> Optional[dict[str, Any]]: ...

    def reason(self, job_id: str) -> Optional[dict[str, Any]]: ...

    def where_is(self, job_id: str) -> str: ...


class FolderOutcome:
    """The outcomes in ``processed/`` and ``rejected/`` of a folder."""

    longest_pause_s = 0.1

    def __init__(self, bus_root: Path) -> None:
        self._root = bus_root

    def receipt(self, job_id: str) -> Optional[dict[str, Any]]:
        return _read_outcome(self._root / "processed", job_id, "RECEIPT.json")

    def reason(self, job_id: str) -> Optional[dict[str, Any]]:
        return _read_outcome(self._root / "rejected", job_id, "REJECT_REASON.json")

    def where_is(self, job_id: str) -> str:
        if (self._root / "inbox" / job_id).exists():
            return "waits in the inbox"
        if any((self._root / "claimed").glob(f"[0-9a-f]*~{job_id}")):
            return "is being worked on"
        return "is neither in the inbox nor being worked on"


class Waiting:
    """Waits for the outcome of the submission with these hashes; older outcomes of the same job id
    are not answers."""

    def __init__(
        self, outcome: OutcomeSource, job_id: str, manifest_sha256: str, hashes: Mapping[str, str], timeout_s: float
    ) -> None:
        if math.isnan(timeout_s):
            raise BusError("OPTIONS_INVALID", "timeout_s is not a number.")
        self._outcome = outcome
        self._job_id = job_id
        self._manifest_sha256 = manifest_sha256
        self._hashes = hashes
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._pause_s = _FIRST_PAUSE_S

    def receipt(self) -> Receipt:
        """Waits. Raises as :meth:`look`."""
        while (receipt := self.look()) is None:
            time.sleep(self.pause_s())
        return receipt

    def look(self) -> Optional[Receipt]:
        """Returns the receipt; None if it is to look again. Raises JobRejectedError; BusError
        SETTLE_TIMEOUT."""
        receipt = _receipt(self._outcome.receipt(self._job_id))
        if receipt is not None and {item.key: item.sha256 for item in receipt.artifacts} == self._hashes:
            return receipt
        reason = self._outcome.reason(self._job_id)
        if (
            reason is not None
            and reason.get("manifest_sha256") == self._manifest_sha256
            and {"code", "error"} <= reason.keys()
        ):
            raise JobRejectedError(reason)
        if time.monotonic() >= self._deadline:
            where = self._outcome.where_is(self._job_id)
            raise BusError(
                "SETTLE_TIMEOUT", f"The job {self._job_id} was not settled within {self._timeout_s:g} s; it {where}."
            )
        return None

    def pause_s(self) -> float:
        """Returns how long to wait before the next look."""
        pause_s = min(self._pause_s, max(0.0, self._deadline - time.monotonic()))
        self._pause_s = min(self._pause_s * 1.5, self._outcome.longest_pause_s)
        return pause_s


def _receipt(content: Optional[dict[str, Any]]) -> Optional[Receipt]:
    if content is None:
        return None
    try:
        fields = ("status", "key", "canonical_path", "rows", "bytes", "sha256")
        artifacts = tuple(
            ReceiptArtifact(**{field: item[field] for field in fields}, quarantined=tuple(item.get("quarantined", ())))
            for item in content["artifacts"]
        )
        forget = tuple(
            ForgetOutcome(
                item["key"], item["status"], item["bytes"], item.get("rows"), tuple(item.get("protected_by", ()))
            )
            for item in content.get("forget", ())
        )
        return Receipt(
            content["job_id"], content["seq"], content["status"], content["committed_at"], artifacts, content, forget
        )
    except (KeyError, TypeError):
        return None


def rejected_folder(bus_root: Path, job_id: str) -> Optional[Path]:
    """Returns the folder of a rejected job; None if there is none."""
    folder = _outcome_folder(bus_root / "rejected", job_id, "REJECT_REASON.json")
    return folder if folder is not None and folder.is_dir() else None


def _read_outcome(folder: Path, job_id: str, name: str) -> Optional[dict[str, Any]]:
    found = _outcome_folder(folder, job_id, name)
    return None if found is None else _read_json(found / name)


def _outcome_folder(folder: Path, job_id: str, name: str) -> Optional[Path]:
    """If the file system ignores case, the folder may be that of another job whose id differs in
    case, and the job's own is then beside it, as ``<job_id>~<seq>``."""
    found = _read_json(folder / job_id / name)
    other = job_id if found is None else found.get("job_id")
    if not isinstance(other, str) or other == job_id or other.lower() != job_id.lower():
        return folder / job_id
    archived = [entry for entry in folder.iterdir() if entry.name.lower().startswith(f"{job_id.lower()}~")]
    outcomes = [(entry, _read_json(entry / name)) for entry in archived]
    own = [(int(seen.get("seq") or 0), entry) for entry, seen in outcomes if seen and seen.get("job_id") == job_id]
    return max(own)[1] if own else None


def _read_json(path: Path) -> Optional[dict[str, Any]]:
    """Treats a missing or torn file as "not settled yet". The daemon rewrites torn files."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
