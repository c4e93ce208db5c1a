#!/usr/bin/env python3
"""Test the bus end to end while a daemon is running: ``python3 scripts/test_bus.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python" / "src"))

try:
    from quantbot_bus._check import main
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Keep scripts/ beside python/, or install the package: pip install ./python") from error

if __name__ == "__main__":
    sys.exit(main())
