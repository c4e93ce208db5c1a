"""Tables for notebooks. All text is escaped: producers wrote it."""

from __future__ import annotations

import dataclasses
import html
from datetime import datetime
from typing import Any, Iterable, Mapping, Sequence

from ._visible import visible_lines

_MAX_ROWS = 50
_MAX_TEXT = 200


class Shown:
    """A record that notebooks show as a table of its fields."""

    def _repr_html_(self) -> str:
        fields = fields_of(self)
        return table(("", type(self).__name__), [(name, value) for name, value in fields.items()])


def fields_of(record: Any) -> dict[str, Any]:
    """The public fields of a record."""
    names = (field.name for field in dataclasses.fields(record) if not field.name.startswith("_"))
    return {name: getattr(record, name) for name in names}


def table_of(records: Sequence[Any]) -> str:
    """One row for each record."""
    if not records:
        return "<p>none</p>"
    first = fields_of(records[0])
    return table(tuple(first), [tuple(fields_of(record).values()) for record in records])


def table(head: Iterable[str], rows: Sequence[Iterable[Any]]) -> str:
    """The first rows as a table, and how many more there are."""
    names = "".join(f"<th>{text(name)}</th>" for name in head)
    lines = ["<tr>" + "".join(f"<td>{text(value)}</td>" for value in row) + "</tr>" for row in rows[:_MAX_ROWS]]
    more = len(rows) - _MAX_ROWS
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    return f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(lines)}</tbody></table>{rest}"


def text(value: Any) -> str:
    """A value as HTML."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, (list, tuple)):
        plain = ", ".join(_plain(item) for item in value)
    else:
        plain = _plain(value)
    short = plain if len(plain) <= _MAX_TEXT else f"{plain[:_MAX_TEXT]}…"
    return html.escape(visible_lines(short))


def _plain(value: Any) -> str:
    if dataclasses.is_dataclass(value):
        return " ".join(str(item) for item in fields_of(value).values() if item is not None)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return str(value)
