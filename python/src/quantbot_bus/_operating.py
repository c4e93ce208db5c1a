"""Asks a bus for operations."""

from __future__ import annotations

from typing import Optional, Sequence

from ._errors import BusError
from ._manifest import is_id
from ._opened import OpenedBus
from ._operations import alias_op, dismiss_op, forget_op, keep_op, mode_op, operate, rename_op, retype_op, table_op
from ._retry import retry_rejected
from ._settle import ForgetOutcome


class Operating(OpenedBus):
    """Asks the daemon for actions that only the daemon may take."""

    def set_alias(
        self, producer: str, kind: str, alias: str, key: Optional[str], *, timeout_s: float = 60.0
    ) -> int:
        """As :func:`quantbot_bus.set_alias`: ``key=None`` removes the alias."""
        return operate(self._place(), alias_op(producer, kind, alias, key), timeout_s).seq

    def keep(
        self,
        *keys: str,
        keep: bool = True,
        reason: Optional[str] = None,
        by: Optional[str] = None,
        timeout_s: float = 60.0,
    ) -> int:
        """As :func:`quantbot_bus.keep_artifacts`."""
        return operate(self._place(), keep_op(keys, keep, reason, by), timeout_s).seq

    def forget(
        self,
        *keys: str,
        force: bool = False,
        rows: str = "default",
        reason: Optional[str] = None,
        by: Optional[str] = None,
        timeout_s: float = 60.0,
    ) -> tuple[ForgetOutcome, ...]:
        """As :func:`quantbot_bus.forget_artifacts`."""
        return operate(self._place(), forget_op(keys, force, rows, reason, by), timeout_s).forget

    def dismiss(self, *jobs: str, note: str, by: Optional[str] = None, timeout_s: float = 60.0) -> int:
        """As :func:`quantbot_bus.dismiss_jobs`."""
        return operate(self._place(), dismiss_op(jobs, note, by), timeout_s).seq

    def drop_table(
        self, table: str, *, reason: Optional[str] = None, by: Optional[str] = None, timeout_s: float = 60.0
    ) -> int:
        """As :func:`quantbot_bus.drop_table`."""
        return operate(self._place(), table_op("table_drop", table, reason, by), timeout_s).seq

    def restore_table(
        self, table: str, *, reason: Optional[str] = None, by: Optional[str] = None, timeout_s: float = 60.0
    ) -> int:
        """As :func:`quantbot_bus.restore_table`."""
        return operate(self._place(), table_op("table_restore", table, reason, by), timeout_s).seq

    def rename_table(
        self,
        table: str,
        to: str,
        *,
        reason: Optional[str] = None,
        by: Optional[str] = None,
        timeout_s: float = 60.0,
    ) -> int:
        """As :func:`quantbot_bus.rename_table`."""
        return operate(self._place(), rename_op(table, to, reason, by), timeout_s).seq

    def retype_column(
        self,
        table: str,
        column: str,
        type: str,
        *,
        reason: Optional[str] = None,
        by: Optional[str] = None,
        timeout_s: float = 60.0,
    ) -> int:
        """As :func:`quantbot_bus.retype_column`."""
        return operate(self._place(), retype_op(table, column, type, reason, by), timeout_s).seq

    def set_table_mode(
        self,
        table: str,
        mode: str,
        *,
        key: Sequence[str] = (),
        order_by: Sequence[str] = (),
        reason: Optional[str] = None,
        by: Optional[str] = None,
        timeout_s: float = 60.0,
    ) -> int:
        """As :func:`quantbot_bus.set_table_mode`."""
        op = mode_op(table, mode, key, order_by, reason, by)
        return operate(self._place(), op, timeout_s).seq

    def retry(self, job_id: str) -> None:
        """Puts a rejected job back into the inbox, unchanged. Use it when the cause was outside the
        job: a limit that has since been raised, a permission, or a table that is now declared.

        Over HTTP, it needs a token that may operate. Raises BusError JOB_NOT_FOUND, JOB_ID_WAITING,
        BUS_DENIED, SUBMIT_FAILED.
        """
        if not is_id(job_id):
            raise BusError("JOB_NOT_FOUND", f"{job_id!r} is not the id of a job.")
        retry_rejected(self._place(), job_id)
