"""Conditions on catalog rows: words that a text contains, and artifacts before another one."""

from __future__ import annotations

import re
from typing import Any, Optional

ARTIFACT_WORDS = "concat_ws(' ', artifact_key, schema_hint, meta_json)"
JOB_WORDS = "concat_ws(' ', job_id, run_id, producer, kind, reject_code, reject_error)"
RUN_WORDS = "concat_ws(' ', run_id, array_to_string(producers, ' '), array_to_string(kinds, ' '))"

# meta.strategy=carry. The path has only characters that need no escape in SQL or JSON paths.
_FIELD = re.compile(r"meta\.([\w-]+(?:\.[\w-]+)*)=(.*)", re.ASCII | re.DOTALL)


def words_of(words: Optional[str], text: str, meta_json: Optional[str] = None) -> list[tuple[str, Any]]:
    """Returns one condition per word: the text contains it, in any case, or the field equals it."""
    found: list[tuple[str, Any]] = []
    for word in (words or "").split():
        field = _FIELD.fullmatch(word) if meta_json is not None else None
        if field is None:
            found.append((f"contains(lower({text}), lower(?))", word))
        else:
            path = ".".join(f'"{name}"' for name in field[1].split("."))
            one, every = (f"json_extract_string({meta_json}, '$.{path}{rest}')" for rest in ("", "[*]"))
            found.append((f"list_contains(list_append({every}, {one}), ?)", field[2]))
    return found


def before_of(seq: Optional[int], ordinal: Optional[int]) -> list[tuple[str, Any]]:
    """Artifacts before a seq, or before one artifact of the job with this seq."""
    if seq is None or ordinal is None:
        return [("seq < ?", seq)]
    return [("seq <= ?", seq), (f"(seq < {int(seq)} OR ordinal < ?)", ordinal)]
