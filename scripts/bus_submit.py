#!/usr/bin/env python3
"""Submit a Parquet file to the artifact bus: ``python3 scripts/bus_submit.py --help``.

Works from a checkout with nothing installed; the source is the package in ``python/``. As a module:
``from bus_submit import submit_artifact, submit_artifacts``.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python" / "src"))

try:
    from quantbot_bus import (
        Artifact,
        BusError,
        JobRejectedError,
        Receipt,
        Submission,
        is_bus_unavailable,
        submit_artifact,
        submit_artifacts,
        write_small_parquet,
    )
    from quantbot_bus._cli import run
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Keep scripts/ beside python/, or install the package: pip install ./python") from error

__all__ = [
    "Artifact",
    "BusError",
    "JobRejectedError",
    "Receipt",
    "Submission",
    "is_bus_unavailable",
    "submit_artifact",
    "submit_artifacts",
    "write_small_parquet",
]

if __name__ == "__main__":
    run()
