"""Finds hints that are meant for a canonical table but name none. TypeScript has the same rule."""

from __future__ import annotations

import re
from typing import Optional

_HINT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}(\.[A-Za-z_][A-Za-z0-9_-]{0,62}){0,3}\Z")
_TABLE = re.compile(r"canon\.[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
# Typing errors of the word canon: a doubled letter, two swapped letters, a plural.
_MISSPELT = re.compile(r"(c+anon|ca+non|can+on|cano+n|canon+|acnon|cnaon|caonn|canno|canons)\Z", re.IGNORECASE)
# A word that begins with canon, or has one letter more, less or other than it.
_LIKE = re.compile(
    r"(canon.*|.?anon|c.?non|ca.?on|can.?n|cano.?|.canon|c.anon|ca.non|can.on|cano.n)\Z", re.IGNORECASE
)
_GLUED = re.compile(r"canon[-_]+(.+)\Z", re.IGNORECASE)


class SchemaHintWarning(UserWarning):
    """A schema hint names no canonical table, but looks as if it should."""


def schema_hint_problem(hint: object) -> Optional[str]:
    """Returns the problem of a hint that is meant for a canonical table but names none. None for a
    good hint."""
    if not isinstance(hint, str) or not _HINT.match(hint):
        return "must be identifiers of at most 63 characters, joined by dots, such as canon.trades"
    if _TABLE.match(hint):
        return None
    schema, *rest = hint.split(".")
    glued = _GLUED.match(schema)
    if _MISSPELT.match(schema):
        return f"{hint} names no table: write {_suggested('_'.join(rest))}"
    if glued and not rest:
        return f"{hint} names no table: write {_suggested(glued.group(1))}"
    return None


def schema_hint_warning(hint: Optional[str]) -> Optional[str]:
    """Returns a sentence about a hint that is recorded only, but looks as if it were meant for a
    canonical table: it has no dot, or a word that is almost ``canon`` before it."""
    if not hint or _TABLE.match(hint) or schema_hint_problem(hint) is not None:
        return None
    schema, *rest = hint.split(".")
    if rest and not _LIKE.match(schema):
        return None
    return (
        f"The schema hint {hint} names no canonical table, so the rows are in none. "
        f"If they belong to a table, write {_suggested('_'.join(rest) if rest else schema)}."
    )


def _suggested(table: str) -> str:
    plain = f"canon.{re.sub('[^A-Za-z0-9_]', '_', table)[:63]}"
    good = plain if _TABLE.match(plain) else "canon.<table>"
    return f"{good} (a table's name has letters, digits and underscores, at most 63)"
