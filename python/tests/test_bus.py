import asyncio
import json
import os
import shutil
import sys
import threading
import unittest
from pathlib import Path
from typing import Any, Callable, Optional
from unittest import mock

from quantbot_bus import Artifact, Bus, BusError
from quantbot_bus._parquet_footer import read_rows
from tests.json_schema import problems
from tests.support import SCHEMAS, TRADES, TRADES_ROWS, BusTestCase, make_bus, read_json

COLUMNS = {"n": [1, 2, 3], "name": ["a", "b", "c"]}
WHO = {"producer": "tests", "kind": "numbers"}


class BusTest(BusTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.opened = Bus(self.bus)
        self.addCleanup(self.opened.close)

    def manifest(self, job_id: str) -> Any:
        return read_json(self.bus / "inbox" / job_id / "manifest.json")

    def assert_raises(self, code: str, call: Callable[[], Any]) -> BusError:
        with self.assertRaises(BusError) as caught:
            call()
        self.assertEqual(caught.exception.code, code)
        self.assertTrue(caught.exception.hint)
        return caught.exception

    def test_a_dict_of_columns_becomes_an_artifact_of_its_table(self) -> None:
        def write() -> Any:
            return self.opened.write(COLUMNS, **WHO, table="numbers", run_id="r1", meta={"a": 1}, inputs=["r/p/k/a"])

        receipt, manifest = self.answered(write)
        (artifact,) = receipt.artifacts
        self.assertEqual((artifact.key, artifact.rows, receipt.status), ("r1/tests/numbers/numbers", 3, "ingested"))
        (entry,) = manifest["artifacts"]
        self.assertEqual((entry["schema_hint"], entry["meta"]), ("canon.numbers", {"a": 1}))
        self.assertEqual(manifest["inputs"], ["r/p/k/a"])
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "manifest.schema.json")), [])
        self.assertEqual(self.staging(), [])

    def test_without_waiting_the_file_is_in_the_inbox_once(self) -> None:
        submission = self.opened.write(COLUMNS, key="r1/tests/numbers/all", wait=False)
        file = self.bus / "inbox" / submission.job_id / "all.parquet"
        self.assertEqual((read_rows(file), file.stat().st_nlink), (3, 1))
        self.assertEqual(self.staging(), [])

    def test_a_task_writes_and_waits_with_the_options_of_write(self) -> None:
        async def write() -> Any:
            return await self.opened.write_async(COLUMNS, **WHO, table="numbers", run_id="r1", meta={"a": 1}, job_id="j1")

        receipt, manifest = self.answered(lambda: asyncio.run(write()))
        self.assertEqual((receipt.job_id, receipt.artifacts[0].key), ("j1", "r1/tests/numbers/numbers"))
        (entry,) = manifest["artifacts"]
        self.assertEqual((entry["schema_hint"], entry["meta"]), ("canon.numbers", {"a": 1}))

    def test_the_same_data_is_the_same_file(self) -> None:
        written = [self.opened.write(COLUMNS, **WHO, run_id="r1", wait=False) for _ in range(2)]
        self.assertEqual(len({submission.artifacts for submission in written}), 1)

    def test_wrong_options_and_data_leave_nothing_behind(self) -> None:
        calls: list[tuple[str, dict[str, Any]]] = [
            ("OPTIONS_INVALID", {"kind": "numbers"}),
            ("OPTIONS_INVALID", {"key": "r1/tests/numbers"}),
            ("OPTIONS_INVALID", {"key": "r1/tests/numbers/a", "run_id": "r2"}),
            ("OPTIONS_INVALID", {**WHO, "table": "canon.numbers-1"}),
            ("ID_INVALID", {**WHO, "run_id": "r 1"}),
            ("VALUE_INVALID", {**WHO, "data": {"a": [1], "b": []}}),
            ("VALUE_INVALID", {**WHO, "data": {"a": [1, "x"]}}),
        ]
        for code, options in calls:
            with self.subTest(options):
                self.assert_raises(code, lambda: self.opened.write(**{"data": COLUMNS, "wait": False, **options}))
        self.assertEqual((self.inbox(), self.staging()), ([], []))

    def test_a_frame_without_pyarrow_is_an_error_that_says_what_to_install(self) -> None:
        class Frame:
            def __arrow_c_stream__(self, requested_schema: Optional[object] = None) -> object:
                raise AssertionError("not without pyarrow")

        with mock.patch.dict(sys.modules, {"pyarrow": None}):
            error = self.assert_raises("LIBRARY_MISSING", lambda: self.opened.write(Frame(), **WHO))
        self.assertEqual(error.hint, "Run `pip install 'quantbot-bus[arrow]'`.")
        self.assertEqual((self.inbox(), self.staging()), ([], []))

    def test_files_are_one_job_and_are_named_as_their_files(self) -> None:
        other = self.folder / "Other.PARQ"
        shutil.copy(TRADES, other)
        submission = self.opened.submit(TRADES, other, Artifact("third", TRADES, kind="copy"), **WHO, table="trades")
        manifest = self.manifest(submission.job_id)
        self.assertRegex(manifest["run_id"], r"^run-\d{8}T\d{9}Z$")
        self.assertEqual(
            [(item["artifact_id"], item["rows"], item.get("schema_hint")) for item in manifest["artifacts"]],
            [("trades", TRADES_ROWS, "canon.trades"), ("Other", TRADES_ROWS, "canon.trades"), ("third", 3, None)],
        )

    def test_a_name_is_that_of_one_file(self) -> None:
        submission = self.opened.submit(TRADES, **WHO, artifact_id="one", run_id="r1")
        self.assertEqual(submission.artifacts[0].key, "r1/tests/numbers/one")
        self.assert_raises("OPTIONS_INVALID", lambda: self.opened.submit(TRADES, TRADES, **WHO, artifact_id="one"))
        self.assert_raises("OPTIONS_INVALID", lambda: self.opened.submit(**WHO))

    def test_the_bus_is_found_like_that_of_other_producers(self) -> None:
        other = make_bus(self.folder / "other")
        config = self.folder / "bus_config.json"
        config.write_text(json.dumps({"bus_root": "other"}))
        self.assertEqual(Bus(config=config).root, str(other))
        with mock.patch.dict(os.environ, {"QUANTBOT_BUS_ROOT": "https://bus.lan:7171"}):
            self.assertEqual(Bus().root, "https://bus.lan:7171")
            self.assertEqual(Bus(self.bus).root, str(self.bus))
        self.assert_raises("BUS_ROOT_NOT_FOUND", lambda: Bus(self.folder / "no").submit(TRADES, **WHO))

    def test_a_closed_bus_takes_nothing(self) -> None:
        with Bus(self.bus) as bus:
            bus.submit(TRADES, **WHO)
        self.assert_raises("CLOSED", lambda: bus.submit(TRADES, **WHO))
        self.assert_raises("CLOSED", lambda: bus.write(COLUMNS, **WHO))

    def test_threads_share_a_bus_and_a_fork_goes_on_with_it(self) -> None:
        def write(run: int) -> None:
            self.opened.write(COLUMNS, **WHO, run_id=f"r{run}", wait=False)

        threads = [threading.Thread(target=write, args=(run,)) for run in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                write(99)
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        runs = sorted(self.manifest(name)["run_id"] for name in self.inbox())
        self.assertEqual(runs, sorted(["r99", *(f"r{run}" for run in range(8))]))

    def test_operations_are_those_of_the_functions(self) -> None:
        key = "run-1/tests/trades/trades"
        calls: list[tuple[Callable[[], Any], str]] = [
            (lambda: self.opened.set_alias("tests", "trades", "prod", key), "alias"),
            (lambda: self.opened.keep(key, keep=False), "keep"),
            (lambda: self.opened.forget(key, force=True, rows="drop"), "forget"),
            (lambda: self.opened.dismiss("job-1", note="old runs"), "dismiss"),
            (lambda: self.opened.drop_table("trades"), "table_drop"),
            (lambda: self.opened.restore_table("trades"), "table_restore"),
            (lambda: self.opened.rename_table("trades", "fills"), "table_rename"),
            (lambda: self.opened.retype_column("trades", "qty", "BIGINT"), "table_retype"),
            (lambda: self.opened.set_table_mode("trades", "upsert", key=["id"]), "table_set_mode"),
        ]
        for call, kind in calls:
            with self.subTest(kind):
                result, manifest = self.answered(call)
                self.assertEqual(result, () if kind == "forget" else 9)
                self.assertEqual(manifest["op"]["type"], kind)
                self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])


class RetryTest(BusTestCase):
    def rejected(self, name: str, *parts: str, job_id: Optional[str] = None) -> Path:
        folder = self.bus / "rejected" / name
        content = folder.joinpath(*parts)
        content.mkdir(parents=True)
        (content / "manifest.json").write_text("{}")
        (folder / "REJECT_REASON.json").write_text(json.dumps({"job_id": job_id or name, "seq": 3}))
        return folder

    def assert_raises(self, code: str, job_id: str) -> None:
        with self.assertRaises(BusError) as caught:
            Bus(self.bus).retry(job_id)
        self.assertEqual(caught.exception.code, code)

    def test_a_rejected_job_returns_to_the_inbox_unchanged(self) -> None:
        for name, parts in (("plain", ()), ("odd", ("job",))):
            folder = self.rejected(name, *parts)
            Bus(self.bus).retry(name)
            self.assertEqual([path.name for path in (self.bus / "inbox" / name).iterdir()], ["manifest.json"])
            self.assertFalse(folder.exists())

    def test_a_job_that_is_not_rejected_or_waits_already_is_refused(self) -> None:
        self.assert_raises("JOB_NOT_FOUND", "none")
        self.assert_raises("JOB_NOT_FOUND", "../inbox")
        (self.rejected("empty") / "manifest.json").unlink()
        self.assert_raises("JOB_NOT_FOUND", "empty")
        self.rejected("twice")
        (self.bus / "inbox/twice").mkdir()
        self.assert_raises("JOB_ID_WAITING", "twice")
        self.assertTrue((self.bus / "rejected/twice/REJECT_REASON.json").exists())

    def test_of_two_ids_that_differ_in_case_the_own_one_returns(self) -> None:
        self.rejected("JOB~3", job_id="JOB")
        folder = self.bus / "rejected/JOB"
        shutil.copytree(self.rejected("job"), folder)  # what a file system that ignores case would show
        Bus(self.bus).retry("JOB")
        self.assertTrue((self.bus / "inbox/JOB").exists())
        self.assertFalse((self.bus / "rejected/JOB~3").exists())


if __name__ == "__main__":
    unittest.main()
