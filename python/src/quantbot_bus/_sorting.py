"""The order of lists of the catalog, as in ``@quantbot/storage``."""

from __future__ import annotations

from typing import Mapping, Optional

from ._errors import BusError

ARTIFACT_ORDER = {
    "artifact": "artifact_id",
    "source": "producer || '/' || kind",
    "when": "seq",
    "rows": "rows",
    "size": "bytes",
    "run": "run_id",
}
"""The columns by which a list of artifacts can be sorted."""

JOB_ORDER = {
    "state": "status",
    "source": "producer || '/' || kind",
    "when": "seq",
    "rows": "rows",
    "artifacts": "artifacts",
    "run": "run_id",
    "job": "job_id",
}
"""The columns by which a list of jobs can be sorted."""

RUN_ORDER = {"run": "run_id", "when": "last_seq", "artifacts": "artifacts", "rows": "rows", "size": "bytes"}
"""The columns by which a list of runs can be sorted."""


def order_by(columns: Mapping[str, str], sort: Optional[str], newest: str) -> str:
    """Returns an ORDER BY. Rows that are equal, and all rows without a column, are newest first.

    Raises BusError OPTIONS_INVALID.
    """
    if sort is None:
        return f"ORDER BY {newest}"
    column = columns.get(sort.removeprefix("-"))
    if column is None:
        raise BusError("OPTIONS_INVALID", f"sort: must be one of {', '.join(columns)}, or one with a minus.")
    return f"ORDER BY {column} {'DESC' if sort.startswith('-') else 'ASC'} NULLS LAST, {newest}"
