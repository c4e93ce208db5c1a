"""The command that starts the daemon."""

from __future__ import annotations

from pathlib import Path


def start_command_of(path: str) -> str:
    """Returns the command that starts the daemon where this code is installed."""
    is_installed = {"site-packages", "dist-packages"} & set(Path(path).parts)
    return "npx quantbot-bus start" if is_installed else "python3 scripts/bus_daemon.py"


START_COMMAND = start_command_of(__file__)
"""The command that starts the daemon: that of npm, or of a checkout."""
