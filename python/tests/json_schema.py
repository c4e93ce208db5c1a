"""As much of JSON Schema as the bus's schemas use. A keyword that it does not know is an error, so
that none is passed over."""

from __future__ import annotations

import re
from typing import Any, Iterator

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
_SILENT = {"$schema", "title", "description", "default"}


def problems(value: Any, schema: dict[str, Any], at: str = "") -> list[str]:
    """What of a value does not follow a schema, as ``path: keyword``."""
    return list(_problems(value, schema, at))


def _problems(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    for keyword, rule in schema.items():
        if keyword in _SILENT or keyword == "required" and not isinstance(value, dict):
            continue
        if keyword == "type":
            types = rule if isinstance(rule, list) else [rule]
            if not any(_is_type(value, name) for name in types):
                yield f"{at}: type"
                return
        elif keyword == "properties":
            for name, property_schema in rule.items():
                if name in value:
                    yield from _problems(value[name], property_schema, f"{at}.{name}".lstrip("."))
        elif keyword == "additionalProperties":
            others = [name for name in value if name not in schema.get("properties", {})]
            if rule is False and others:
                yield f"{at}: additionalProperties"
            elif isinstance(rule, dict):
                for name in others:
                    yield from _problems(value[name], rule, f"{at}.{name}".lstrip("."))
        elif keyword == "propertyNames":
            for name in value:
                yield from _problems(name, rule, f"{at} (a key)")
        elif keyword == "items":
            for index, item in enumerate(value):
                yield from _problems(item, rule, f"{at}.{index}")
        elif keyword in ("anyOf", "oneOf"):
            fitting = sum(not problems(value, alternative) for alternative in rule)
            if fitting == 0 or keyword == "oneOf" and fitting > 1:
                yield f"{at}: {keyword}"
        elif keyword == "not":
            if not problems(value, rule):
                yield f"{at}: not"
        elif not _holds(keyword, rule, value):
            yield f"{at}: {keyword}"


def _holds(keyword: str, rule: Any, value: Any) -> bool:
    if keyword == "required":
        return all(name in value for name in rule)
    if keyword == "pattern":
        # ECMAScript's $ is the very end, and its \d has ten digits.
        pattern = re.sub(r"\$$", r"\\Z", rule)
        return re.search(pattern, value, re.ASCII) is not None
    checks = {
        "const": lambda: value == rule,
        "enum": lambda: value in rule,
        "minLength": lambda: len(value) >= rule,
        "maxLength": lambda: len(value) <= rule,
        "minItems": lambda: len(value) >= rule,
        "maxItems": lambda: len(value) <= rule,
        "minimum": lambda: value >= rule,
        "maximum": lambda: value <= rule,
    }
    return bool(checks[keyword]())


def _is_type(value: Any, name: str) -> bool:
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "integer":
        return not isinstance(value, bool) and (
            isinstance(value, int) or isinstance(value, float) and value.is_integer()
        )
    return isinstance(value, _TYPES[name])
