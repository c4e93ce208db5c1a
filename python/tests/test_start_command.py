import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import quantbot_bus
from quantbot_bus._errors import BusError
from quantbot_bus._start_command import start_command_of


class StartCommandTest(unittest.TestCase):
    def test_is_that_of_npm_for_those_who_installed_from_pip(self) -> None:
        installed = "/lab/venv/lib/python3.12/site-packages/quantbot_bus/_start_command.py"
        self.assertEqual(start_command_of(installed), "npx quantbot-bus start")
        self.assertEqual(start_command_of("/lab/bus/python/src/quantbot_bus/x.py"), "python3 scripts/bus_daemon.py")

    def test_is_in_the_hints(self) -> None:
        for code in ("BUS_ROOT_NOT_FOUND", "DATABASE_NOT_FOUND"):
            self.assertIn("python3 scripts/bus_daemon.py", BusError(code, "x").hint)

    def test_is_that_of_npm_also_in_the_check_of_an_installed_package(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            site = Path(folder) / "site-packages"
            shutil.copytree(Path(quantbot_bus.__file__).parent, site / "quantbot_bus")
            program = f"import sys; sys.path.insert(0, {str(site)!r}); import quantbot_bus._check as c; print(c._START)"
            said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        self.assertIn("npx quantbot-bus start", said)


if __name__ == "__main__":
    unittest.main()
