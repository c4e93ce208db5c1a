"""Finds Python values that pyarrow replaces by others when it makes a column of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Mapping

from ._errors import BusError


def check_kept(data: Mapping[str, object], table: Any) -> None:
    """Compares lists of Python values with the table that pyarrow made of them.

    pyarrow cuts a datetime to a date if the first value is one, nanoseconds of a pandas Timestamp,
    and the zone of a time. It takes True for 1.0, and text for bytes.

    Raises BusError VALUE_INVALID.
    """
    for name, values in data.items():
        if not isinstance(values, (list, tuple)):
            continue
        for value, back in zip(values, table.column(name).to_pylist()):
            if not _is_kept(value, back):
                raise BusError(
                    "VALUE_INVALID",
                    f"The column {name} would have {back!r} in place of {value!r}.",
                    hint="Give all values of a column one type, which Arrow holds exactly.",
                )


def _is_kept(value: Any, back: Any) -> bool:
    if isinstance(value, (bool, str, bytes)):
        return type(back) in (bool, str, bytes) and isinstance(value, type(back)) and back == value
    if isinstance(value, (int, float, Decimal, date, time, timedelta)):
        if value != value:  # NaN, and pandas' NaT
            return back is None or back != back
        return isinstance(back, datetime) == isinstance(value, datetime) and bool(back == value)
    if isinstance(value, (list, tuple)) and isinstance(back, list):
        return len(value) == len(back) and all(map(_is_kept, value, back))
    if isinstance(value, Mapping) and isinstance(back, Mapping):
        return all(_is_kept(inside, back.get(name)) for name, inside in value.items())
    return True
