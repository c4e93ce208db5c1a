"""Folders, files and schemas that the tests share."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Callable

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

    def answered(self, call: Callable[[], Any], **answer: Any) -> tuple[Any, dict[str, Any]]:
        """Calls, while another thread answers the one job in the inbox like a daemon. Returns the
        result and the manifest of the job, whose artifacts the receipt has."""
        manifests: list[dict[str, Any]] = []

        def answer_it() -> None:
            deadline = time.monotonic() + 20
            while not self.inbox() and time.monotonic() < deadline:
                time.sleep(0.005)
            (name,) = self.inbox()
            manifest = read_json(self.bus / "inbox" / name / "manifest.json")
            manifests.append(manifest)
            receipt = {"job_id": name, "seq": 9, "status": "ingested", "committed_at": "2026-01-31T12:00:00Z"}
            folder = self.bus / "processed" / name
            folder.mkdir()
            artifacts = [
                {
                    **{field: item[field] for field in ("rows", "bytes", "sha256")},
                    "status": "ingested",
                    "key": "/".join([manifest["run_id"], manifest["producer"], manifest["kind"], item["artifact_id"]]),
                    "canonical_path": str(self.bus / "store" / item["artifact_id"]),
                }
                for item in manifest["artifacts"]
            ]
            shutil.rmtree(self.bus / "inbox" / name)
            (folder / "RECEIPT.json").write_text(json.dumps({**receipt, "artifacts": artifacts, **answer}))

        daemon = threading.Thread(target=answer_it)
        daemon.start()
        result = call()
        daemon.join()
        return result, manifests[0]


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
