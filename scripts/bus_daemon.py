#!/usr/bin/env python3
"""Start the bus daemon in the foreground: ``python3 scripts/bus_daemon.py [--config FILE]
[--drain]``.

The daemon is a Node program. This process becomes it, so that signals and the exit code are the
daemon's own. """

import os
import shutil
import subprocess
import sys
from pathlib import Path

CLI = Path(__file__).resolve().parent.parent / "packages" / "bus-daemon" / "dist" / "cli.js"
OLDEST_NODE = (20, 19)


def main() -> None:
    node = shutil.which("node")
    if node is None:
        raise SystemExit("bus_daemon: there is no node on the PATH. Install Node.js 20.19 or newer: https://nodejs.org")
    if not CLI.exists():
        raise SystemExit(f"bus_daemon: {CLI} is not built yet. Build it: npx pnpm install && npx pnpm build")
    version = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    if tuple(int(part) for part in version.lstrip("v").split(".")[:2] if part.isdigit()) < OLDEST_NODE:
        raise SystemExit(
            f"bus_daemon: {node} is {version or 'no Node.js'}; 20.19 or newer is needed: https://nodejs.org"
        )
    os.execv(node, [node, str(CLI), "start", *sys.argv[1:]])


if __name__ == "__main__":
    main()
