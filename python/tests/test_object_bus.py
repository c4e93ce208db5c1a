"""Submitting to a bus on an object store: ``file://`` always, ``s3://`` where versitygw and boto3
are installed."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, Optional
from unittest import mock

from quantbot_bus import Artifact, Bus, BusError, JobRejectedError, is_bus_unavailable, submit_artifact, submit_artifacts
from quantbot_bus._bus_root import ObjectRoot
from quantbot_bus._manifest import Job
from quantbot_bus._object_bus import ObjectBus
from quantbot_bus._objects import Objects, open_objects
from tests.json_schema import problems
from tests.support import FIXTURES, IDS, REPOSITORY, SCHEMAS, TRADES, TRADES_ROWS, read_json

OTHER = FIXTURES / "parquet/trades-other.parquet"
SHA256 = hashlib.sha256(TRADES.read_bytes()).hexdigest()
OBJECT = f"store/tests/trades/run-1@trades.{SHA256[:16]}.parquet"
MARKER = {"bus": "quantbot-artifact-bus", "layout_version": 1, "bus_id": "b", "created_at": "2026-01-31T12:00:00Z"}
VERSITYGW = shutil.which(os.environ.get("VERSITYGW") or "versitygw")


def put(objects: Objects, key: str, content: Any) -> None:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    assert objects.create(key, data, hashlib.sha256(data).hexdigest())


class Slow:
    """Objects that say how many of them were created at once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._running = 0
        self.begun: list[str] = []
        self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def create(self, key: str, body: Any, sha256: str) -> bool:
        self.begun.append(f"{key} beside {self._running}")
        self._running += 1
        self.most = max(self.most, self._running)
        time.sleep(0.05)
        created = self._objects.create(key, body, sha256)
        self._running -= 1
        return created


class ObjectBusCases:
    """The behaviours of both kinds."""

    root: str

    def make_root(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quantbot-python-")).resolve()
        self.addCleanup(shutil.rmtree, self.folder)  # type: ignore[attr-defined]
        self.root = self.make_root()
        self.objects = open_objects(self.root)
        put(self.objects, "bus.json", MARKER)

    def submit(self, **options: Any) -> Any:
        return submit_artifact(**{**IDS, "parquet": TRADES, "bus_root": self.root, **options})

    def assert_refused(self: Any, code: str, **options: Any) -> BusError:
        with self.assertRaises(BusError) as caught:
            self.submit(**options)
        self.assertEqual(caught.exception.code, code)
        self.assertTrue(caught.exception.hint)
        return caught.exception

    def waiting(self: Any, job_id: str) -> bytes:
        (key,) = self.objects.keys(f"inbox/{job_id}~")
        content = self.objects.read(key)
        self.assertEqual(key, f"inbox/{job_id}~{hashlib.sha256(content).hexdigest()[:16]}.json")
        return content

    def test_a_job_has_its_file_at_the_final_place_and_its_manifest_in_the_inbox(self: Any) -> None:
        submission = self.submit(schema_hint="canon.trades", rows=3, meta={"interval": "1m"})
        manifest = json.loads(self.waiting(submission.job_id))
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "manifest.schema.json")), [])
        size = TRADES.stat().st_size
        self.assertEqual(
            manifest["artifacts"],
            [
                {
                    "artifact_id": "trades",
                    "format": "parquet",
                    "object": OBJECT,
                    "schema_hint": "canon.trades",
                    "rows": TRADES_ROWS,
                    "bytes": size,
                    "sha256": SHA256,
                    "meta": {"interval": "1m"},
                }
            ],
        )
        self.assertEqual(self.objects.read(OBJECT), TRADES.read_bytes())
        self.assertEqual(self.objects.digest(OBJECT), (size, SHA256))
        self.assertEqual(submission.bus_root, self.root)
        self.assertEqual(submission.artifacts[0].key, "run-1/tests/trades/trades")

    def test_several_files_are_one_job_and_a_given_away_file_is_gone(self: Any) -> None:
        files = [self.folder / f"{name}.parquet" for name in "ab"]
        for path in files:
            shutil.copyfile(TRADES, path)
        artifacts = [Artifact("x", files[0], kind="a"), Artifact("x", files[1], kind="b", transfer="copy")]
        submission = submit_artifacts(
            artifacts, run_id="r", producer="p", kind="k", bus_root=self.root, transfer="move"
        )
        self.assertEqual(len(json.loads(self.waiting(submission.job_id))["artifacts"]), 2)
        self.assertEqual([path.exists() for path in files], [False, True])

    def test_several_files_are_sent_at_once_and_the_manifest_after_all_of_them(self: Any) -> None:
        names = [str(number) for number in range(10)]
        with mock.patch("quantbot_bus._object_bus.open_objects", lambda *root: Slow(open_objects(*root))):
            bus = ObjectBus(ObjectRoot(self.root, {}))
            job = Job("r", "p", "k", [Artifact(name, TRADES) for name in names])
            _, entries = bus.submit("job-1", True, job)
        self.assertEqual([entry["artifact_id"] for entry in entries], names)
        slow: Any = bus.objects
        self.assertEqual((len(slow.begun), slow.most), (11, 4))
        self.assertRegex(slow.begun[-1], "^inbox/job-1~.* beside 0$")

    def test_a_mistake_in_one_of_several_files_submits_nothing(self: Any) -> None:
        artifacts = [Artifact(f"{number}", TRADES, rows=1 if number == 7 else None) for number in range(10)]
        with self.assertRaises(BusError) as caught:
            submit_artifacts(artifacts, run_id="r", producer="p", kind="k", bus_root=self.root)
        self.assertEqual(caught.exception.code, "ROWS_MISMATCH")
        self.assertEqual(self.objects.keys("inbox/"), [])

    def test_a_retry_is_the_same_job_and_another_content_is_refused(self: Any) -> None:
        self.submit(job_id="job-1")
        before = self.waiting("job-1")
        again = self.submit(job_id="job-1")
        self.assertEqual(self.waiting("job-1"), before)
        self.assertEqual(again.manifest_sha256, hashlib.sha256(before).hexdigest())
        self.assert_refused("JOB_ID_IN_USE", job_id="job-1", parquet=OTHER)

    def test_another_content_under_the_name_in_the_store_is_refused(self: Any) -> None:
        put(self.objects, OBJECT, b"x" * TRADES.stat().st_size)
        self.assert_refused("CHECKSUM_MISMATCH")
        self.assertEqual(self.objects.keys("inbox/"), [])

    def test_mistakes_are_found_before_anything_is_sent(self: Any) -> None:
        self.assert_refused("ROWS_MISMATCH", rows=4)
        self.assert_refused("ID_INVALID", run_id="../x")
        self.assert_refused("ARTIFACT_MISSING", parquet=self.folder / "missing")
        self.assertEqual(self.objects.keys("store/"), [])

    def test_a_root_without_a_marker_is_no_bus(self: Any) -> None:
        error = self.assert_refused("BUS_ROOT_NOT_FOUND", bus_root=f"{self.root}-2")
        self.assertTrue(is_bus_unavailable(error))

    def test_the_receipt_settles_the_job_and_an_older_one_does_not(self: Any) -> None:
        submission = self.submit(job_id="job-1")
        with self.assertRaisesRegex(BusError, "waits in the inbox"):
            submission.settled(0.2)
        fields = {"status": "ingested", "key": "run-1/tests/trades/trades", "canonical_path": "/x", "rows": 3}
        artifact = {**fields, "bytes": 1, "sha256": SHA256}
        receipt = {"job_id": "job-1", "seq": 7, "status": "ingested", "committed_at": "t", "artifacts": [artifact]}
        put(self.objects, "receipts/job-1.json", receipt)
        self.assertEqual(submission.settled(20).seq, 7)

    def test_the_rejection_is_raised_if_it_is_of_this_submission(self: Any) -> None:
        submission = self.submit(job_id="job-1")
        reason = {"code": "ROWS_MISMATCH", "error": "no", "manifest_sha256": submission.manifest_sha256}
        put(self.objects, "rejected/job-1.json", reason)
        with self.assertRaises(JobRejectedError):
            submission.settled(20)

    def test_an_operation_waits_in_the_inbox_with_the_sign_of_an_operator(self: Any) -> None:
        for call, is_shown in (
            (lambda bus: bus.set_alias("p", "k", "prod", "r/p/k/a", timeout_s=0), False),
            (lambda bus: bus.keep("r/p/k/a", timeout_s=0), False),
            (lambda bus: bus.keep("r/p/k/a", keep=False, timeout_s=0), True),
            (lambda bus: bus.forget("r/p/k/a", timeout_s=0), True),
        ):
            with self.assertRaisesRegex(BusError, "waits in the inbox"):
                call(Bus(self.root))
            (key,) = self.objects.keys("inbox/")
            manifest = self.objects.read(key)
            job_id = json.loads(manifest)["job_id"]
            self.assertEqual(problems(json.loads(manifest), read_json(SCHEMAS / "operation.schema.json")), [])
            sign = self.objects.read(f"operators/{job_id}")
            self.assertEqual(sign, hashlib.sha256(manifest).hexdigest().encode() if is_shown else None)
            self.objects.remove([key])

    def test_a_rejected_job_returns_to_the_inbox_as_a_retry(self: Any) -> None:
        bus = Bus(self.root)
        manifest = b'{"job_id": "job-1"}'
        digest = hashlib.sha256(manifest).hexdigest()
        put(self.objects, "rejected/job-1.json", {"seq": 7, "manifest_sha256": digest})
        for code, job_id in (("JOB_NOT_FOUND", "job-1"), ("JOB_NOT_FOUND", "job-2"), ("JOB_NOT_FOUND", "../x")):
            with self.assertRaises(BusError) as caught:
                bus.retry(job_id)
            self.assertEqual(caught.exception.code, code)
        put(self.objects, "rejected/job-1.manifest.json", b"other")
        with self.assertRaises(BusError) as caught:
            bus.retry("job-1")
        self.assertEqual(caught.exception.code, "FILE_DAMAGED")
        self.objects.remove(["rejected/job-1.manifest.json"])
        put(self.objects, "rejected/job-1.manifest.json", manifest)
        bus.retry("job-1")
        self.assertEqual(self.objects.keys("inbox/job-1"), [f"inbox/job-1~{digest[:16]}~7.json"])
        self.assertEqual(self.objects.keys("rejected/job-1"), [])

    def test_the_command_line_submits_to_it(self: Any) -> None:
        command = [sys.executable, str(REPOSITORY / "scripts/bus_submit.py"), "--json", "--bus-root", self.root]
        for name, value in IDS.items():
            command += [f"--{name.replace('_', '-')}", value]
        done = subprocess.run([*command, "--parquet", str(TRADES)], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout)["bus_root"], self.root)
        self.waiting(json.loads(done.stdout)["job_id"])

    def test_the_environment_and_the_configuration_name_it(self: Any) -> None:
        with mock.patch.dict(os.environ, {"QUANTBOT_BUS_ROOT": self.root}):
            self.assertEqual(self.submit(bus_root=None).bus_root, self.root)
        config = self.folder / "bus_config.json"
        config.write_text(json.dumps({"bus_root": self.root}))
        with mock.patch.dict(os.environ, {"QUANTBOT_BUS_CONFIG": str(config)}):
            self.assertEqual(self.submit(bus_root=None, run_id="run-2").bus_root, self.root)


class FileBusTest(ObjectBusCases, unittest.TestCase):
    def make_root(self) -> str:
        return (self.folder / "bus").as_uri()

    def test_no_link_leads_out_of_the_root(self) -> None:
        (self.folder / "outside").mkdir()
        (self.folder / "bus/store").symlink_to(self.folder / "outside")
        self.assert_refused("SUBMIT_FAILED")
        self.assertEqual(list((self.folder / "outside").iterdir()), [])

    def test_s3_without_boto3_is_an_error_with_the_command_that_installs_it(self) -> None:
        with mock.patch.dict(sys.modules, {"boto3": None}):
            error = self.assert_refused("OBJECT_CLIENT_MISSING", bus_root="s3://bus/x")
        self.assertIn("pip install boto3", error.hint)

    def test_a_root_that_is_not_well_formed_is_refused_without_being_shown(self) -> None:
        for root in ("file://host/x", "file:///", "s3://a", "s3://key:secret@bucket/x", "s3://bucket/a*"):
            with self.subTest(root):
                self.assertNotIn("secret", str(self.assert_refused("BUS_ROOT_INVALID", bus_root=root)))


def _boto3_is_missing() -> bool:
    try:
        import boto3  # noqa: F401
    except ImportError:
        return True
    return False


@unittest.skipIf(VERSITYGW is None, "versitygw is not installed: set VERSITYGW")
@unittest.skipIf(_boto3_is_missing(), "boto3 is not installed: pip install boto3")
class S3BusTest(ObjectBusCases, unittest.TestCase):
    server: "Optional[subprocess.Popen[bytes]]" = None
    count = 0

    @classmethod
    def setUpClass(cls) -> None:
        base = Path(tempfile.mkdtemp(prefix="quantbot-s3-"))
        cls.addClassCleanup(shutil.rmtree, base)
        (base / "root/bus").mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        cls.server = subprocess.Popen(
            [str(VERSITYGW), "--port", f"127.0.0.1:{port}", "--quiet", "--keep-alive", "posix", str(base / "root")],
            env={"ROOT_ACCESS_KEY": "bus", "ROOT_SECRET_KEY": "bus-secret"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if cls.server.poll() is not None:
                    raise
                time.sleep(0.02)
        variables = {
            "AWS_ACCESS_KEY_ID": "bus",
            "AWS_SECRET_ACCESS_KEY": "bus-secret",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        }
        patch = mock.patch.dict(os.environ, variables)
        patch.start()
        cls.addClassCleanup(patch.stop)

    def make_root(self) -> str:
        S3BusTest.count += 1
        return f"s3://bus/root-{S3BusTest.count}"

    def test_wrong_credentials_are_an_unavailable_bus_and_are_not_shown(self) -> None:
        with mock.patch.dict(os.environ, {"AWS_SECRET_ACCESS_KEY": "wrong-secret"}):
            error = self.assert_refused("SUBMIT_FAILED")
        self.assertTrue(is_bus_unavailable(error))
        self.assertNotIn("wrong-secret", f"{error} {error.hint} {error.__cause__}")

    def test_a_large_file_comes_in_parts_once(self) -> None:
        path = self.folder / "large"
        path.write_bytes(os.urandom(11 * 1024 * 1024))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with mock.patch("quantbot_bus._s3.MULTIPART_ABOVE_BYTES", 1000), mock.patch(
            "quantbot_bus._s3._PART_BYTES", 5 * 1024 * 1024
        ):
            self.assertTrue(self.objects.create("large", path, digest))
            self.assertFalse(self.objects.create("large", path, digest))
            with self.assertRaises(BusError):
                self.objects.create("other", path, "0" * 64)
        self.assertEqual(self.objects.digest("large"), (path.stat().st_size, digest))
        self.assertIsNone(self.objects.digest("other"))


if __name__ == "__main__":
    unittest.main()
