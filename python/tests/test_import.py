"""What `import quantbot_bus` loads."""

import json
import subprocess
import sys
import unittest

import quantbot_bus


class ImportTest(unittest.TestCase):
    def test_every_public_name_is_there(self) -> None:
        for name in quantbot_bus.__all__:
            self.assertTrue(hasattr(quantbot_bus, name), name)
            self.assertIn(name, dir(quantbot_bus))
        with self.assertRaisesRegex(AttributeError, "no attribute 'Buss'"):
            quantbot_bus.Buss  # noqa: B018

    def test_a_program_that_only_submits_does_not_load_the_rest(self) -> None:
        code = "import json, sys, quantbot_bus._cli; print(json.dumps(sorted(sys.modules)))"
        loaded = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        self.assertIn("quantbot_bus._submit", loaded)
        rest = ["_bus", "_catalog", "_http_bus", "_object_bus", "_operations", "_records"]
        for name in [*(f"quantbot_bus.{module}" for module in rest), "asyncio", "http.client", "duckdb"]:
            self.assertNotIn(name, loaded)
