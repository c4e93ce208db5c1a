"""Parts of the SQL of the catalog's questions, as in ``@quantbot/storage``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Optional, Sequence

from ._errors import BusError

Condition = tuple[str, Any]


def literal(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


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
