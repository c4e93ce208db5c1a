import unittest

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


if __name__ == "__main__":
    unittest.main()
