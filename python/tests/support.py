"""Folders, files and schemas that the tests share."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "packages/bus-daemon/fixtures"
CONFIG_FIXTURES = REPOSITORY / "packages/infra/fixtures/config"
SCHEMAS = REPOSITORY / "packages/infra/schema"
TRADES = FIXTURES / "parquet/trades.parquet"
TRADES_ROWS = 3
IDS = {"run_id": "run-1", "producer": "tests", "kind": "trades", "artifact_id": "trades"}


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


class BusTestCase(unittest.TestCase):
    """A test with a folder of its own, and a bus in it that no daemon reads."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quantbot-python-")).resolve()
        self.addCleanup(shutil.rmtree, self.folder)
        self.bus = make_bus(self.folder / "bus")

    def inbox(self) -> list[str]:
        return sorted(path.name for path in (self.bus / "inbox").iterdir())

    def staging(self) -> list[str]:
        return sorted(path.name for path in (self.bus / "staging").iterdir())


def make_bus(root: Path) -> Path:
    for name in ("staging", "inbox", "claimed", "processed", "rejected"):
        (root / name).mkdir(parents=True)
    marker = {
        "bus": "quantbot-artifact-bus",
        "layout_version": 1,
        "bus_id": "test",
        "created_at": "2026-01-31T12:00:00Z",
    }
    (root / "bus.json").write_text(json.dumps(marker))
    return root
