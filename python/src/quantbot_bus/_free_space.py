"""Whether the disk of a bus has room for a job."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ._errors import BusError


def must_have_room(bus_root: Path, size: int) -> None:
    """Checks that ``size`` more bytes leave as much free space as the bus keeps. ``limits.json``,
    which the daemon writes, says how much that is.

    Raises BusError DISK_FULL.
    """
    least = _min_free_bytes(bus_root)
    if least == 0 or not hasattr(os, "statvfs"):
        return
    disk = os.statvfs(bus_root)
    free = disk.f_bavail * disk.f_frsize
    if disk.f_blocks > 0 and free - size < least:
        raise BusError(
            "DISK_FULL",
            f"The disk of {bus_root} has {free} bytes free, and the bus keeps {least} (min_free_bytes).",
        )


def _min_free_bytes(bus_root: Path) -> int:
    """Returns 0 for a bus that sets no limit, or whose limit cannot be read."""
    try:
        least = json.loads((bus_root / "limits.json").read_text(encoding="utf-8"))["min_free_bytes"]
        return least if isinstance(least, int) else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
