import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from tests.support import REPOSITORY, BusTestCase


class BusDaemonScriptTest(BusTestCase):
    """A checkout whose daemon is a program of the test's own, and a ``node`` that runs it."""

    def setUp(self) -> None:
        super().setUp()
        (self.folder / "scripts").mkdir()
        self.script = shutil.copy(REPOSITORY / "scripts/bus_daemon.py", self.folder / "scripts")
        self.cli = self.folder / "packages/bus-daemon/dist/cli.js"
        self.path = self.folder / "bin"
        self.path.mkdir()

    def build(self) -> None:
        self.cli.parent.mkdir(parents=True)
        self.cli.touch()

    def make_node(self, version: str) -> Path:
        node = self.path / "node"
        node.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit\necho "$@"\nexit 7\n')
        node.chmod(0o755)
        return node

    def run_script(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, self.script, *arguments]
        return subprocess.run(command, env={**os.environ, "PATH": str(self.path)}, capture_output=True, text=True)

    def test_arguments_and_exit_code_are_those_of_the_daemon(self) -> None:
        self.build()
        for version in ("v20.19.0", "v22.1.0", "v100.0.0"):
            self.make_node(version)
            done = self.run_script("--config", "a b.json", "--drain")
            self.assertEqual((done.returncode, done.stdout), (7, f"{self.cli} start --config a b.json --drain\n"))

    def test_what_is_missing_is_said_with_what_to_do(self) -> None:
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there is no node on the PATH", done.stderr)
        self.make_node("v20.19.0")
        self.assertIn("is not built yet. Build it: ", self.run_script().stderr)
        self.build()
        self.make_node("v20.18.3")
        self.assertIn("is v20.18.3; 20.19 or newer is needed", self.run_script().stderr)


if __name__ == "__main__":
    unittest.main()
