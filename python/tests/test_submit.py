import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from quantbot_bus import Artifact, BusError, SchemaHintWarning, is_bus_unavailable, submit_artifact, submit_artifacts
from tests.json_schema import problems
from tests.support import FIXTURES, IDS, REPOSITORY, SCHEMAS, TRADES, TRADES_ROWS, BusTestCase, read_json

OTHER = FIXTURES / "parquet/trades-other.parquet"


class SubmitTest(BusTestCase):
    def submit(self, **options: Any) -> Any:
        return submit_artifact(**{**IDS, "parquet": TRADES, "bus_root": self.bus, **options})

    def assert_refused(self, code: str, **options: Any) -> BusError:
        with self.assertRaises(BusError) as caught:
            self.submit(**options)
        self.assertEqual(caught.exception.code, code)
        self.assertTrue(caught.exception.hint)
        self.assertEqual((self.inbox(), self.staging()), ([], []))
        return caught.exception

    def test_a_hint_that_looks_like_a_mistake_is_submitted_with_a_warning(self) -> None:
        with self.assertWarnsRegex(SchemaHintWarning, "write canon.trades") as caught:
            submission = self.submit(schema_hint="trades")
        self.assertEqual(submission.warnings, (str(caught.warning),))
        self.assertEqual(len(self.inbox()), 1)
        self.assertEqual(self.submit(schema_hint="simulation.fills", artifact_id="b").warnings, ())

    def test_a_job_is_in_the_inbox_with_manifest_file_and_commit(self) -> None:
        submission = self.submit(
            schema_hint="canon.trades", rows=3, meta={"interval": "1m", "name": "ü"}, inputs=["r/p/k/a"]
        )
        job = self.bus / "inbox" / submission.job_id
        self.assertEqual(sorted(path.name for path in job.iterdir()), ["COMMIT", "manifest.json", "trades.parquet"])
        self.assertEqual((job / "COMMIT").read_bytes(), b"staged\n")
        self.assertEqual((job / "trades.parquet").read_bytes(), TRADES.read_bytes())
        self.assertEqual(self.staging(), [])
        manifest = read_json(job / "manifest.json")
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "manifest.schema.json")), [])
        sha256 = hashlib.sha256(TRADES.read_bytes()).hexdigest()
        self.assertEqual(
            manifest["artifacts"],
            [
                {
                    "artifact_id": "trades",
                    "format": "parquet",
                    "relpath": "trades.parquet",
                    "schema_hint": "canon.trades",
                    "rows": TRADES_ROWS,
                    "bytes": TRADES.stat().st_size,
                    "sha256": sha256,
                    "meta": {"interval": "1m", "name": "ü"},
                }
            ],
        )
        self.assertEqual(submission.artifacts[0].key, "run-1/tests/trades/trades")
        self.assertEqual(submission.manifest_sha256, hashlib.sha256((job / "manifest.json").read_bytes()).hexdigest())

    def test_several_artifacts_are_one_job_and_may_share_an_id_under_two_kinds(self) -> None:
        artifacts = [Artifact("a", TRADES), Artifact("a", OTHER, kind="other", rows=3, meta={"n": 1})]
        submission = submit_artifacts(
            artifacts,
            run_id="r",
            producer="p",
            kind="k",
            bus_root=self.bus,
            meta={"job": 1},
            provenance={"commit": "abc"},
        )
        self.assertEqual([item.key for item in submission.artifacts], ["r/p/k/a", "r/p/other/a"])
        job = self.bus / "inbox" / submission.job_id
        manifest = read_json(job / "manifest.json")
        self.assertEqual([item["relpath"] for item in manifest["artifacts"]], ["a.parquet", "other@a.parquet"])
        self.assertEqual((manifest["meta"], manifest["provenance"]), ({"job": 1}, {"commit": "abc"}))
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "manifest.schema.json")), [])

    def test_a_retry_with_the_same_job_id_and_content_is_the_same_job(self) -> None:
        first = self.submit(job_id="job-1")
        again = self.submit(job_id="job-1")
        self.assertEqual(first, again)
        self.assertEqual((self.inbox(), self.staging()), (["job-1"], []))

    def test_another_content_under_a_job_id_that_waits_is_refused(self) -> None:
        self.submit(job_id="job-1")
        with self.assertRaises(BusError) as caught:
            self.submit(job_id="job-1", parquet=OTHER)
        self.assertEqual(caught.exception.code, "JOB_ID_IN_USE")
        self.assertEqual((self.inbox(), self.staging()), (["job-1"], []))

    def test_what_is_no_job_under_the_job_id_is_never_overwritten(self) -> None:
        (self.bus / "inbox/job-1").mkdir()
        (self.bus / "inbox/job-1/note").write_text("mine")
        (self.bus / "inbox/job-2").write_text("a file")
        for name, make in (("job-3", os.mkfifo), ("job-4", os.mkdir), ("job-5", lambda path: os.symlink(TRADES, path))):
            (self.bus / "inbox" / name).mkdir()
            make(self.bus / "inbox" / name / "manifest.json")
        for job_id in ("job-1", "job-2", "job-3", "job-4", "job-5"):
            with self.assertRaises(BusError) as caught:
                self.submit(job_id=job_id)
            self.assertEqual(caught.exception.code, "JOB_ID_IN_USE")
        self.assertEqual(self.staging(), [])
        self.assertEqual((self.bus / "inbox/job-1/note").read_text(), "mine")

    def test_mistakes_are_refused_before_anything_is_submitted(self) -> None:
        missing = self.folder / "missing.parquet"
        text = self.folder / "text.parquet"
        text.write_text("this is no Parquet file at all")
        self.assert_refused("ARTIFACT_MISSING", parquet=missing)
        self.assert_refused("ARTIFACT_MISSING", parquet=self.folder)
        self.assert_refused("ARTIFACT_MISSING", parquet=text / "below")
        self.assert_refused("ARTIFACT_MISSING", parquet="nul\0")
        self.assert_refused("NOT_PARQUET", parquet=text)
        self.assert_refused("ROWS_MISMATCH", rows=4)
        self.assert_refused("ID_INVALID", run_id="../up")
        self.assert_refused("ID_INVALID", job_id="newline\n")
        self.assert_refused("ID_INVALID", producer="a" * 101)
        self.assert_refused("ID_INVALID", kind=None)
        self.assert_refused("ID_INVALID", inputs=["no-key"])
        self.assert_refused("OPTIONS_INVALID", inputs="r/p/k/a")
        self.assert_refused("OPTIONS_INVALID", schema_hint="canon.a; DROP")
        self.assert_refused("OPTIONS_INVALID", schema_hint="Canon.trades")
        self.assert_refused("OPTIONS_INVALID", rows=-1)
        self.assert_refused("OPTIONS_INVALID", rows=True)
        self.assert_refused("OPTIONS_INVALID", transfer="link")
        self.assert_refused("OPTIONS_INVALID", parquet="")
        self.assert_refused("TOO_LARGE", meta={"text": "x" * 1024 * 1024})

    def test_meta_must_be_json_that_every_reader_understands_alike(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(100):
            deep = {"a": deep}
        for meta in (
            [1],
            {"a": float("nan")},
            {"a": object()},
            {"a": 2**53},
            {"a": "\ud800"},
            {"__proto__": 1},
            {1: 2},
            deep,
        ):
            with self.subTest(repr(meta)[:40]):
                self.assert_refused("OPTIONS_INVALID", meta=meta)

    def test_all_mistakes_are_told_at_once(self) -> None:
        error = self.assert_refused("OPTIONS_INVALID", run_id="", kind="?", rows=-1)
        self.assertEqual(len(error.details), 3)

    def test_a_full_disk_submits_nothing_and_says_that_the_bus_is_unavailable(self) -> None:
        with mock.patch("quantbot_bus._durable.os.fsync", side_effect=OSError(errno.ENOSPC, "No space left on device")):
            error = self.assert_refused("SUBMIT_FAILED")
        self.assertTrue(is_bus_unavailable(error))
        self.assertFalse(is_bus_unavailable(self.assert_refused("ROWS_MISMATCH", rows=4)))

    def test_a_job_that_would_leave_less_space_than_the_bus_keeps_is_refused(self) -> None:
        disk = os.statvfs(self.bus)
        free = disk.f_bavail * disk.f_frsize
        (self.bus / "limits.json").write_text(json.dumps({"min_free_bytes": free * 2}))
        error = self.assert_refused("DISK_FULL")
        self.assertTrue(is_bus_unavailable(error))
        self.assertIn(f"keeps {free * 2}", error.message)
        source = self.folder / "given.parquet"
        shutil.copy(TRADES, source)
        self.assert_refused("DISK_FULL", parquet=source, transfer="move")
        self.assertTrue(source.exists())
        (self.bus / "limits.json").write_text(json.dumps({"min_free_bytes": 0}))
        self.submit()

    def test_an_inbox_on_another_file_system_is_said_to_be_the_cause(self) -> None:
        with mock.patch("quantbot_bus._submit.os.rename", side_effect=OSError(errno.EXDEV, "Invalid cross-device link")):
            error = self.assert_refused("SUBMIT_FAILED")
        self.assertIn("one file system", error.hint)

    def test_a_flush_that_fails_after_the_rename_says_that_the_outcome_is_not_known(self) -> None:
        with mock.patch("quantbot_bus._submit.sync", side_effect=OSError(errno.EIO, "Input/output error")):
            with self.assertRaises(BusError) as caught:
                self.submit(job_id="job-1")
        self.assertEqual(caught.exception.code, "SUBMIT_FAILED")
        self.assertIn("unknown", caught.exception.hint)
        self.assertEqual(self.submit(job_id="job-1").job_id, "job-1")

    def test_everything_is_flushed_before_the_rename_and_the_inbox_after_it(self) -> None:
        events: list[str] = []
        names: dict[int, str] = {}
        fsync, rename = os.fsync, os.rename

        def note_fsync(descriptor: int) -> None:
            names[len(events)] = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
            events.append(f"fsync {names[len(events)].split('~')[0]}")
            fsync(descriptor)

        def note_rename(source: Any, target: Any) -> None:
            events.append("rename")
            rename(source, target)

        if not Path("/proc/self/fd").exists():
            self.skipTest("needs /proc")
        with mock.patch("os.fsync", note_fsync), mock.patch("os.rename", note_rename):
            self.submit(job_id="job-1")
        self.assertEqual(
            events, ["fsync trades.parquet", "fsync manifest.json", "fsync job-1", "rename", "fsync inbox"]
        )

    def test_a_file_that_grows_while_it_is_copied_is_refused(self) -> None:
        path = self.folder / "growing.parquet"
        path.write_bytes(TRADES.read_bytes())
        real = os.fstat

        def grown(descriptor: int) -> os.stat_result:
            result = real(descriptor)
            if result.st_ino == path.stat().st_ino:
                with open(path, "ab") as file:
                    file.write(b"more")
            return result

        with mock.patch("quantbot_bus._durable.os.fstat", grown):
            self.assert_refused("BYTES_MISMATCH", parquet=path)

    def test_a_moved_file_is_gone_and_the_job_has_its_only_name(self) -> None:
        path = self.folder / "mine.parquet"
        path.write_bytes(TRADES.read_bytes())
        submission = self.submit(parquet=path, transfer="move")
        self.assertFalse(path.exists())
        self.assertEqual((self.bus / "inbox" / submission.job_id / "trades.parquet").stat().st_nlink, 1)

    def test_a_move_that_fails_leaves_the_file(self) -> None:
        path = self.folder / "mine.parquet"
        path.write_bytes(TRADES.read_bytes())
        self.assert_refused("ROWS_MISMATCH", parquet=path, transfer="move", rows=9)
        self.assertEqual(path.read_bytes(), TRADES.read_bytes())


class KilledTest(BusTestCase):
    def test_a_producer_that_is_killed_leaves_a_whole_job_or_none(self) -> None:
        points = ("copied", "manifest-written", "staged", "renamed", "accepted")
        for point in points:
            with self.subTest(point):
                job_id = f"job-{point}"
                arguments = [f"--{name.replace('_', '-')}={value}" for name, value in IDS.items()]
                command = [sys.executable, str(REPOSITORY / "scripts/bus_submit.py"), *arguments, f"--job-id={job_id}"]
                command += [f"--parquet={TRADES}", f"--bus-root={self.bus}"]
                killed = subprocess.run(command, env={**os.environ, "QUANTBOT_FAULT_POINT": f"submit:{point}"})
                self.assertEqual(killed.returncode, -signal.SIGKILL)
                job = self.bus / "inbox" / job_id
                self.assertEqual(job.exists(), point in ("renamed", "accepted"))
                self.assertEqual(subprocess.run(command, stdout=subprocess.DEVNULL).returncode, 0)
                self.assertEqual((job / "COMMIT").read_bytes(), b"staged\n")


if __name__ == "__main__":
    unittest.main()
