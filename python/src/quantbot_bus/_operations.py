"""Keeps and forgets artifacts: operations, which the daemon carries out in the order of all
jobs."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from ._bus_root import StrPath, find_bus_root, find_object_root
from ._errors import BusError
from ._manifest import Job, check_operation
from ._settle import ForgetOutcome, Receipt
from ._submit import new_job_id, submit_to_folder


def keep_artifacts(
    keys: Sequence[str],
    *,
    keep: bool = True,
    reason: Optional[str] = None,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Marks artifacts as kept: they, and everything that they were made from, are not forgotten.
    ``keep=False`` removes the mark. At most 2,000 keys. Returns the seq from which it holds.

    Raises JobRejectedError OPERATION_INVALID; BusError OPTIONS_INVALID, SETTLE_TIMEOUT,
    BUS_ROOT_NOT_FOUND, BUS_ROOT_INVALID, CONFIG_INVALID, CONFIG_NOT_FOUND, DISK_FULL,
    SUBMIT_FAILED.
    """
    op = {"type": "keep", "artifact_keys": _listed(keys), "keep": keep, "reason": reason, "by": by}
    return _operate(op, bus_root, timeout_s).seq


def forget_artifacts(
    keys: Sequence[str],
    *,
    force: bool = False,
    rows: str = "default",
    reason: Optional[str] = None,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> tuple[ForgetOutcome, ...]:
    """Forgets artifacts: their bytes go for ever, their entries in the catalog stay. At most 2,000
    keys. Returns what became of each key.

    ``force`` also forgets what is protected: what has an alias or a keep mark, what such an
    artifact was made from, and the newest of each producer, kind and artifact id.
    ``rows="drop"`` takes their rows out of every canonical table and export.

    >>> for outcome in forget_artifacts(
    ...     ["run-3/baseline/alerts_std/alerts"], reason="wrong parameters"
    ... ):  # doctest: +SKIP
    ...     print(outcome.key, outcome.status)

    Raises like :func:`keep_artifacts`.
    """
    who = {"reason": reason, "by": by}
    op = {"type": "forget", "artifact_keys": _listed(keys), "force": force, "rows": rows, **who}
    return _operate(op, bus_root, timeout_s).forget


def _listed(keys: Sequence[str]) -> object:
    """A single key by mistake stays one, which is then refused."""
    return keys if isinstance(keys, str) else list(keys)


def _operate(op: Mapping[str, Any], bus_root: Optional[StrPath], timeout_s: float) -> Receipt:
    check_operation(op)
    if find_object_root(bus_root) is not None:
        raise BusError(
            "OPTIONS_INVALID",
            "From Python, artifacts can be kept and forgotten only on a bus that is a folder of this machine.",
            hint="Run `quantbot-bus keep` or `quantbot-bus forget`.",
        )
    job_id = new_job_id(op["type"])
    job = Job(job_id, "quantbot-bus", "operation", (), job_id, op=op)
    return submit_to_folder(find_bus_root(bus_root), job_id, job).settled(timeout_s)
