"""Tests producer and table with a daemon of its own: `npm test`."""

import shutil
import subprocess
import tempfile
import unittest
from datetime import datetime, timezone
from pathlib import Path

from prices import submit_prices
from quantbot_bus import Bus, JobRejectedError

HERE = Path(__file__).parent


class PricesTest(unittest.TestCase):
    def test_good_prices_are_ingested_and_bad_ones_rejected(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        shutil.copy(HERE / "bus_config.json", folder)
        command = HERE / "node_modules/.bin/quantbot-bus"
        subprocess.run([command, "start", "--drain"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        daemon = subprocess.Popen([command, "start"], cwd=folder, stderr=subprocess.DEVNULL)
        try:
            noon = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)
            with Bus(folder / "data/bus") as bus:
                self.assertEqual(submit_prices(bus, "good", [(noon, "SPX", 4500.25)]).status, "ingested")
                with self.assertRaises(JobRejectedError) as rejected:
                    submit_prices(bus, "bad", [(noon, "SPX", -1.0)])
                self.assertEqual(rejected.exception.code, "QUALITY_FAILED")
        finally:
            daemon.terminate()
            daemon.wait()
