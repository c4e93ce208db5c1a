"""Lists of jobs and runs that read no more than they show, as in ``@quantbot/storage``."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ._queries import Condition, literal, page_of, where_of
from ._results import Ask
from ._sorting import JOB_ORDER, RUN_ORDER, order_by

_FEW_RUNS = 1_000
"""Of more runs, reading all takes less time than naming each."""


def list_jobs(
    ask: Ask,
    conditions: Sequence[Condition],
    *,
    before_seq: Optional[int],
    sort: Optional[str],
    offset: Optional[int],
    limit: Optional[int],
) -> list[dict[str, Any]]:
    """The rows of settled jobs, newest first."""
    page = page_of(limit, offset)
    is_limited = sort is not None or offset is not None or any(value is not None for _, value in conditions)
    if limit is None or is_limited:
        where, given = where_of([*conditions, ("seq < ?", before_seq)])
        order = order_by(JOB_ORDER, sort, "seq DESC")
        return ask(f"SELECT * FROM catalog.jobs_f{where} {order}{page}", given).rows()
    # Seqs have no gaps, so the last one of a page of all jobs says where it begins.
    where, given = where_of([("seq < ?", before_seq)])
    (found,) = ask(f"SELECT max(seq) AS seq FROM _bus.journal{where}", given).rows()
    last = found["seq"] or 0
    sql = "SELECT * FROM catalog.jobs_f WHERE seq <= ? AND seq > ? ORDER BY seq DESC"
    return ask(sql, [last, last - limit]).rows()


def list_runs(
    ask: Ask, conditions: Sequence[Condition], *, sort: Optional[str], offset: Optional[int], limit: Optional[int]
) -> list[dict[str, Any]]:
    """The rows of runs, newest first. Finds a page by the columns that it needs, and then sums up
    only these runs."""
    where, given = where_of(conditions)
    order = order_by(RUN_ORDER, sort, "last_seq DESC, run_id")
    page = f"FROM catalog.runs_d{where} {order}{page_of(limit, offset)}"
    if limit is None or limit > _FEW_RUNS:
        return ask(f"SELECT * {page}", given).rows()
    found = ask(f"SELECT run_id {page}", given).rows()
    if not found:
        return []
    # DuckDB applies a list of constants while it reads the journal, but not a subquery.
    ids = ", ".join(literal(row["run_id"]) for row in found)
    return ask(f"SELECT * FROM catalog.runs_d WHERE run_id IN ({ids}) {order}", []).rows()
