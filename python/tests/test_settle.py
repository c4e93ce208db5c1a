import asyncio
import json
import threading
import time
import unittest
from typing import Any

from quantbot_bus import BusError, JobRejectedError, submit_artifact
from quantbot_bus._cli import _sentence
from tests.support import IDS, TRADES, BusTestCase


class SettleTest(BusTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.submission = submit_artifact(**IDS, parquet=TRADES, bus_root=self.bus, job_id="job-1")

    def write(self, folder: str, name: str, content: Any) -> None:
        path = self.bus / folder / "job-1"
        path.mkdir(exist_ok=True)
        (path / name).write_text(content if isinstance(content, str) else json.dumps(content))

    def receipt(self, **changes: Any) -> dict[str, Any]:
        (artifact,) = self.submission.artifacts
        item = {"status": "ingested", "key": artifact.key, "canonical_path": "/store/x", "rows": 3, "bytes": 1}
        item["sha256"] = artifact.sha256
        return {
            "job_id": "job-1",
            "seq": 7,
            "status": "ingested",
            "run_id": "run-1",
            "producer": "tests",
            "committed_at": "2026-01-31T12:00:00Z",
            "artifacts": [{**item, **changes}],
        }

    def reason(self, manifest_sha256: Any) -> dict[str, Any]:
        return {
            "job_id": "job-1",
            "seq": 8,
            "code": "A_CODE_OF_TOMORROW",
            "error": "It is wrong.",
            "details": ["one"],
            "hint": "Do it right.",
            "rejected_at_utc": "2026-01-31T12:00:00Z",
            "manifest_sha256": manifest_sha256,
        }

    def assert_timed_out(self) -> BusError:
        with self.assertRaises(BusError) as caught:
            self.submission.settled(0.05)
        self.assertEqual(caught.exception.code, "SETTLE_TIMEOUT")
        return caught.exception

    def test_a_receipt_with_the_same_hashes_is_the_answer(self) -> None:
        self.write("processed", "RECEIPT.json", self.receipt())
        receipt = self.submission.settled(0)
        self.assertEqual(
            (receipt.seq, receipt.status, receipt.artifacts[0].canonical_path), (7, "ingested", "/store/x")
        )
        self.assertEqual(receipt.artifacts[0].quarantined, ())

    def test_tasks_wait_beside_each_other(self) -> None:
        async def both() -> Any:
            waiting = asyncio.create_task(self.submission.settled_async(20))
            await asyncio.sleep(0.05)
            self.write("processed", "RECEIPT.json", self.receipt())
            return await waiting

        self.assertEqual(asyncio.run(both()).seq, 7)

    def test_a_receipt_says_why_an_artifact_is_in_quarantine(self) -> None:
        self.write("processed", "RECEIPT.json", self.receipt(quarantined=["n: -1 is too small"]))
        receipt = self.submission.settled(0)
        self.assertEqual(receipt.artifacts[0].quarantined, ("n: -1 is too small",))
        self.assertIn("  in quarantine: n: -1 is too small", _sentence(self.submission, receipt))
        self.assertIn("n: -1 is too small", receipt._repr_html_())

    def test_where_names_ignore_case_the_outcome_is_beside_that_of_the_other_job(self) -> None:
        other = {**self.receipt(sha256="0" * 64), "job_id": "JOB-1", "seq": 9}
        self.write("processed", "RECEIPT.json", other)
        self.assert_timed_out()
        archived = self.bus / "processed" / "JOB-1~7"
        archived.mkdir()
        (archived / "RECEIPT.json").write_text(json.dumps(self.receipt()))
        self.assertEqual(self.submission.settled(0).seq, 7)

    def test_a_receipt_of_other_bytes_or_a_torn_one_is_not(self) -> None:
        for content in (self.receipt(sha256="0" * 64), self.receipt(key="a/b/c/d"), "{", "[]", "", {"artifacts": [{}]}):
            self.write("processed", "RECEIPT.json", content)
            self.assert_timed_out()

    def test_a_rejection_of_this_manifest_is_raised_with_its_code_and_hint(self) -> None:
        self.write("rejected", "REJECT_REASON.json", self.reason(self.submission.manifest_sha256))
        with self.assertRaises(JobRejectedError) as caught:
            self.submission.settled(0)
        error = caught.exception
        self.assertEqual(
            (error.code, error.message, error.hint), ("A_CODE_OF_TOMORROW", "It is wrong.", "Do it right.")
        )

    def test_a_rejection_of_an_earlier_manifest_is_not(self) -> None:
        for other in ("0" * 64, None):
            self.write("rejected", "REJECT_REASON.json", self.reason(other))
            self.assertIn("waits in the inbox", self.assert_timed_out().message)

    def test_an_answer_that_comes_later_is_waited_for(self) -> None:
        timer = threading.Timer(0.2, lambda: self.write("processed", "RECEIPT.json", self.receipt()))
        timer.start()
        began = time.monotonic()
        self.assertEqual(self.submission.settled(10).seq, 7)
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    unittest.main()
