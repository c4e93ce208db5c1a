"""Keeps and forgets artifacts: operations, which the daemon carries out in the order of all
jobs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from ._bus_root import HTTP, StrPath
from ._errors import BusError
from ._manifest import Job, check_operation
from ._settle import ForgetOutcome, OutcomeSource, Receipt, Waiting
from ._submit import Place, find_place, new_job_id, submit_to_folder


def set_alias(
    *,
    producer: str,
    kind: str,
    alias: str,
    key: Optional[str],
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Points an alias of a producer and kind at one of its artifacts. ``key=None`` removes the
    alias. Over HTTP, the token needs the scope ``operate``. Returns the seq from which it holds.

    >>> key = "run-7/baseline/alerts_std/alerts"
    >>> set_alias(producer="baseline", kind="alerts_std", alias="prod", key=key)  # doctest: +SKIP

    Raises JobRejectedError OPERATION_INVALID; BusError OPTIONS_INVALID, SETTLE_TIMEOUT,
    BUS_ROOT_NOT_FOUND, BUS_ROOT_INVALID, CONFIG_INVALID, CONFIG_NOT_FOUND, DISK_FULL,
    SUBMIT_FAILED.
    """
    return operate(find_place(bus_root), alias_op(producer, kind, alias, key), timeout_s).seq


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

    Raises like :func:`set_alias`.
    """
    return operate(find_place(bus_root), keep_op(keys, keep, reason, by), timeout_s).seq


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

    Raises like :func:`set_alias`.
    """
    return operate(find_place(bus_root), forget_op(keys, force, rows, reason, by), timeout_s).forget


def dismiss_jobs(
    jobs: Sequence[str],
    note: str,
    *,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Dismisses rejected jobs that need nothing more: lists and counts of rejected jobs leave them
    out. Their files stay, and a retry is still possible. At most 2,000 jobs. Returns the seq from
    which it holds.

    >>> dismiss_jobs(["20260101T120000-sim-1"], "a run with wrong parameters")  # doctest: +SKIP

    Raises like :func:`set_alias`.
    """
    return operate(find_place(bus_root), dismiss_op(jobs, note, by), timeout_s).seq


def drop_table(
    table: str,
    *,
    reason: Optional[str] = None,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Drops a canonical table. Its artifacts stay, and :func:`restore_table` brings it back. A
    later artifact with its hint starts a new table.

    ``table`` is its name, in lower case and without ``canon.``. Returns the seq from which it
    holds. Raises like :func:`set_alias`.
    """
    return operate(find_place(bus_root), table_op("table_drop", table, reason, by), timeout_s).seq


def restore_table(
    table: str,
    *,
    reason: Optional[str] = None,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Brings a dropped canonical table back, with all artifacts that have its hint. Returns the seq
    from which it holds. Raises like :func:`set_alias`."""
    return operate(find_place(bus_root), table_op("table_restore", table, reason, by), timeout_s).seq


def rename_table(
    table: str,
    to: str,
    *,
    reason: Optional[str] = None,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Renames a canonical table. Artifacts with the old name in their hint stay in it, and so do
    later ones, until another table gets the old name. Renaming it back undoes it.

    Both names are in lower case and without ``canon.``. Returns the seq from which it holds. Raises
    like :func:`set_alias`.
    """
    return operate(find_place(bus_root), rename_op(table, to, reason, by), timeout_s).seq


def retype_column(
    table: str,
    column: str,
    type: str,
    *,
    reason: Optional[str] = None,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Gives a column of a canonical table another type. The new type must hold each value of the
    column exactly. Files of the old type are still taken if their values fit. Giving it the old
    type again undoes it.

    ``table`` is in lower case and without ``canon.``; ``type`` is a type of DuckDB as the catalog
    prints it. Returns the seq from which it holds. Raises like :func:`set_alias`.
    """
    return operate(find_place(bus_root), retype_op(table, column, type, reason, by), timeout_s).seq


def set_table_mode(
    table: str,
    mode: str,
    *,
    key: Sequence[str] = (),
    order_by: Sequence[str] = (),
    reason: Optional[str] = None,
    by: Optional[str] = None,
    bus_root: Optional[StrPath] = None,
    timeout_s: float = 60.0,
) -> int:
    """Sets the mode and the key of a canonical table: ``append``, ``latest`` or ``upsert``. It then
    shows other rows of the same artifacts. Calling it again with the old mode undoes it, except for
    rows of forgotten artifacts: these leave a table that is not ``append`` any more.

    ``key`` has the columns that identify a row, and ``order_by`` those that decide which row of a
    key is the newest. Both are for ``upsert`` only. No row may have NULL in the key. Returns the
    seq from which it holds. Raises like :func:`set_alias`.
    """
    op = mode_op(table, mode, key, order_by, reason, by)
    return operate(find_place(bus_root), op, timeout_s).seq


def alias_op(producer: str, kind: str, alias: str, key: Optional[str]) -> dict[str, Any]:
    """Points an alias at an artifact, or removes it."""
    return {"type": "alias", "producer": producer, "kind": kind, "alias": alias, "artifact_key": key}


def keep_op(keys: Sequence[str], keep: bool, reason: Optional[str], by: Optional[str]) -> dict[str, Any]:
    """Sets or removes keep marks."""
    return {"type": "keep", "artifact_keys": _listed(keys), "keep": keep, "reason": reason, "by": by}


def forget_op(
    keys: Sequence[str], force: bool, rows: str, reason: Optional[str], by: Optional[str]
) -> dict[str, Any]:
    """Forgets artifacts."""
    who = {"reason": reason, "by": by}
    return {"type": "forget", "artifact_keys": _listed(keys), "force": force, "rows": rows, **who}


def dismiss_op(jobs: Sequence[str], note: str, by: Optional[str]) -> dict[str, Any]:
    """Dismisses rejected jobs."""
    return {"type": "dismiss", "job_ids": _listed(jobs), "note": note, "by": by}


def table_op(kind: str, table: str, reason: Optional[str], by: Optional[str]) -> dict[str, Any]:
    """Drops or restores a canonical table."""
    return {"type": kind, "table": table, "reason": reason, "by": by}


def rename_op(table: str, to: str, reason: Optional[str], by: Optional[str]) -> dict[str, Any]:
    """Renames a canonical table."""
    return {"type": "table_rename", "table": table, "to": to, "reason": reason, "by": by}


def retype_op(table: str, column: str, type: str, reason: Optional[str], by: Optional[str]) -> dict[str, Any]:
    """Gives a column of a canonical table another type."""
    names = {"table": table, "column": column, "column_type": type}
    return {"type": "table_retype", **names, "reason": reason, "by": by}


def mode_op(
    table: str,
    mode: str,
    key: Sequence[str],
    order_by: Sequence[str],
    reason: Optional[str],
    by: Optional[str],
) -> dict[str, Any]:
    """Sets the mode of a canonical table."""
    columns = {"key": _listed(key), "order_by": _listed(order_by)}
    return {"type": "table_set_mode", "table": table, "mode": mode, **columns, "reason": reason, "by": by}


def _listed(keys: Sequence[str]) -> object:
    """A single key by mistake stays one, which is then refused."""
    return keys if isinstance(keys, str) else list(keys)


def operate(place: Place, op: Mapping[str, Any], timeout_s: float) -> Receipt:
    """Submits an operation, and waits until the daemon has carried it out."""
    check_operation(op)
    job_id = new_job_id(op["type"])
    job = Job(job_id, "quantbot-bus", "operation", (), job_id, op=op)
    if isinstance(place, Path):
        return submit_to_folder(place, job_id, job).settled(timeout_s)
    outcome: OutcomeSource
    if place.url.startswith(HTTP):
        from ._http_bus import HttpBus, HttpOutcome  # most programs never need it

        server = HttpBus(place.url)
        manifest = server.operate(job_id, job)
        outcome = HttpOutcome(server, "operations")
    else:
        from ._object_bus import ObjectBus, ObjectOutcome

        store = ObjectBus(place)
        manifest = store.operate(job_id, job)
        outcome = ObjectOutcome(store.objects)
    return Waiting(outcome, job_id, hashlib.sha256(manifest).hexdigest(), {}, timeout_s).receipt()
