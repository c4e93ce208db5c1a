"""The trace that a job belongs to: W3C Trace Context, https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

import os
import re

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def current_trace() -> dict[str, str]:
    """Returns the trace of the program's OpenTelemetry, otherwise that of ``TRACEPARENT`` in its
    environment."""
    carrier: dict[str, str] = {}
    try:
        # A program that traces has it.
        from opentelemetry import propagate  # pyright: ignore[reportMissingImports]
    except ImportError:
        pass
    else:
        propagate.inject(carrier)
    traceparent = carrier.get("traceparent", os.environ.get("TRACEPARENT", ""))
    if not _TRACEPARENT.fullmatch(traceparent):
        return {}
    tracestate = carrier.get("tracestate", os.environ.get("TRACESTATE", ""))
    return {"traceparent": traceparent, **({"tracestate": tracestate} if tracestate else {})}
