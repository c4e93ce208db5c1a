"""The SQL of the catalog's questions, as in ``@quantbot/storage``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Optional, Sequence

from ._errors import BusError
from ._sorting import ARTIFACT_ORDER, order_by

Condition = tuple[str, Any]


def latest_query(
    producer: str, kind: str, artifact_id: Optional[str], alias: Optional[str]
) -> tuple[str, list[Any]]:
    """The newest artifact of a producer and kind."""
    only = "" if artifact_id is None else " AND artifact_id = ?"
    given = [producer, kind, *([] if artifact_id is None else [artifact_id])]
    if alias is not None:
        return (
            f"SELECT * FROM catalog.artifacts_f WHERE producer = ? AND kind = ?{only} AND artifact_key = "
            "(SELECT artifact_key FROM catalog.aliases_v WHERE producer = ? AND kind = ? AND alias = ?)",
            [*given, producer, kind, alias],
        )
    is_free = "(schema_hint IS NULL OR schema_hint NOT LIKE 'quarantine.%')"
    where = f" WHERE producer = ? AND kind = ?{only} AND forgotten_at IS NULL AND {is_free}"
    return listed_artifacts(where, limit=1), given


def listed_artifacts(
    where: str, *, sort: Optional[str] = None, offset: Optional[int] = None, limit: Optional[int] = None
) -> str:
    """Finds the few artifacts by two columns first, and then reads all of their columns."""
    order = order_by(ARTIFACT_ORDER, sort, "seq DESC, ordinal DESC")
    page = page_of(limit, offset)
    if limit is None:
        return f"SELECT * FROM catalog.artifacts_f{where} {order}{page}"
    wanted = f"SELECT seq, ordinal FROM catalog.artifacts_f{where} {order}{page}"
    return f"SELECT * FROM catalog.artifacts_f SEMI JOIN ({wanted}) USING (seq, ordinal) {order}"


def where_of(conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
    """The conditions whose value is given."""
    given = [(sql, value) for sql, value in conditions if value is not None]
    where = f" WHERE {' AND '.join(sql for sql, _ in given)}" if given else ""
    return where, [_bound(value) for _, value in given]


def page_of(limit: Optional[int], offset: Optional[int]) -> str:
    """A LIMIT and an OFFSET, or nothing."""
    sql = ""
    for name, value in (("limit", limit), ("offset", offset)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BusError("OPTIONS_INVALID", f"{name}: must be a whole number from 0.")
        sql += f" {name.upper()} {value}"
    return sql


def utc_of(moment: datetime) -> datetime:
    """A moment as the catalog has it: in UTC, without a zone. One without a zone is in UTC."""
    return moment if moment.tzinfo is None else moment.astimezone(timezone.utc).replace(tzinfo=None)


def _bound(value: Any) -> Any:
    return utc_of(value) if isinstance(value, datetime) else value
