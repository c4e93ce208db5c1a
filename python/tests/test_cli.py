import json
import os
import subprocess
import sys
import unittest

from quantbot_bus import _cli
from quantbot_bus._visible import visible_lines
from tests.support import IDS, REPOSITORY, TRADES, BusTestCase

SCRIPT = REPOSITORY / "scripts/bus_submit.py"


class CommandLineTest(BusTestCase):
    def run_script(self, *more: str, **ids: str) -> "subprocess.CompletedProcess[str]":
        flags = [part for name, value in {**IDS, **ids}.items() for part in (f"--{name.replace('_', '-')}", value)]
        command = [sys.executable, str(SCRIPT), *flags, "--parquet", str(TRADES), "--bus-root", str(self.bus), *more]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder)

    def test_every_flag_of_the_guide_is_taken(self) -> None:
        done = self.run_script(
            *("--job-id", "job-1", "--schema-hint", "canon.trades", "--rows", "3", "--meta-json", '{"a": 1}'),
            *("--input", "r/p/k/a", "--input", "r/p/k/b"),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("submitted job-1", done.stdout)
        manifest = json.loads((self.bus / "inbox/job-1/manifest.json").read_bytes())
        self.assertEqual(manifest["inputs"], ["r/p/k/a", "r/p/k/b"])
        self.assertEqual(manifest["artifacts"][0]["meta"], {"a": 1})

    def test_a_mistake_says_its_code_a_sentence_and_a_hint(self) -> None:
        done = self.run_script("--rows", "4")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^ROWS_MISMATCH: .* has 3 rows, not 4\.\nhint: Leave ")

    def test_json_is_one_object_whatever_happens(self) -> None:
        self.assertEqual(json.loads(self.run_script("--json").stdout)["status"], "submitted")
        failed = self.run_script("--json", run_id="?")
        self.assertEqual(failed.returncode, 1)
        self.assertEqual(json.loads(failed.stdout)["code"], "ID_INVALID")

    def test_a_hint_that_looks_like_a_mistake_is_warned_of_on_stderr_or_in_the_json(self) -> None:
        done = self.run_script("--schema-hint", "trades")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"^SchemaHintWarning: The schema hint trades .* write canon\.trades .*\n$")
        as_json = self.run_script("--schema-hint", "trades", "--json", artifact_id="other")
        self.assertEqual(as_json.stderr, "")
        self.assertRegex(json.loads(as_json.stdout)["warnings"][0], "write canon.trades")

    def test_text_from_elsewhere_steers_no_terminal(self) -> None:
        steering = "\x1b]0;x\x07\x9b31m\u202e\u2066\u200b\ufeff"
        done = self.run_script("--parquet", str(self.folder / f"{steering}.parquet"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("\\u{1b}]0;x\\u{7}\\u{9b}31m\\u{202e}\\u{2066}\\u{200b}\\u{feff}.parquet", done.stderr)
        self.assertFalse(set(steering) & set(done.stderr) - set("]0;x31m"))
        self.assertEqual(visible_lines("a\tb\nc é 日本\r\x7f"), "a\tb\nc é 日本\\u{d}\\u{7f}")

    def test_wrong_usage_ends_with_two(self) -> None:
        for more in (
            ["--rows", "x"],
            ["--meta-json", "[]"],
            ["--meta-json", '{"a": NaN}'],
            ["--wait", "x"],
            ["--nothing"],
        ):
            self.assertEqual(self.run_script(*more).returncode, 2)
        self.assertEqual(self.inbox(), [])

    def test_waiting_for_nobody_ends_with_four_and_the_job_stays(self) -> None:
        done = self.run_script("--wait", "0.1", "--job-id", "job-1")
        self.assertEqual(done.returncode, 4)
        self.assertIn("SETTLE_TIMEOUT", done.stderr)
        self.assertEqual(self.inbox(), ["job-1"])

    def test_a_bus_that_is_not_there_ends_with_five(self) -> None:
        self.assertEqual(self.run_script("--bus-root", str(self.folder)).returncode, 5)

    def test_the_script_can_be_imported_as_a_module(self) -> None:
        program = "from bus_submit import submit_artifact, submit_artifacts, Artifact, BusError; print('ok')"
        environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        self.assertEqual(done.stdout, "ok\n", done.stderr)

    def test_help_and_readme_name_every_exit_code(self) -> None:
        readme = (REPOSITORY / "python/README.md").read_text(encoding="utf-8")
        help_text = _cli._EPILOG
        for name, code in vars(_cli).items():
            if name.startswith("EXIT_"):
                self.assertIn(f"| {code} | ", readme)
                self.assertIn(f"\n  {code}    ", help_text)

    def test_only_the_standard_library_is_needed(self) -> None:
        done = subprocess.run([sys.executable, "-I", "-S", str(SCRIPT), "--help"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("exit codes:", done.stdout)


if __name__ == "__main__":
    unittest.main()
