import json
import threading
import time
import unittest
from functools import partial
from typing import Any, Callable

from quantbot_bus import BusError, ForgetOutcome, forget_artifacts, keep_artifacts
from tests.json_schema import problems
from tests.support import SCHEMAS, BusTestCase, read_json

KEY = "run-1/tests/trades/trades"
OTHER = "run-2/tests/trades/trades"


class OperationsTest(BusTestCase):
    def answered(self, call: Callable[[], Any], **answer: Any) -> tuple[Any, dict[str, Any]]:
        """Calls, while another thread answers the one job in the inbox like a daemon. Returns the
        result and the manifest."""
        manifests: list[dict[str, Any]] = []

        def answer_it() -> None:
            deadline = time.monotonic() + 20
            while not self.inbox() and time.monotonic() < deadline:
                time.sleep(0.005)
            (name,) = self.inbox()
            manifest = read_json(self.bus / "inbox" / name / "manifest.json")
            manifests.append(manifest)
            receipt = {"job_id": name, "seq": 9, "status": "ingested", "committed_at": "2026-01-31T12:00:00Z"}
            folder = self.bus / "processed" / name
            folder.mkdir()
            (folder / "RECEIPT.json").write_text(json.dumps({**receipt, "artifacts": [], **answer}))

        daemon = threading.Thread(target=answer_it)
        daemon.start()
        result = call()
        daemon.join()
        return result, manifests[0]

    def test_a_keep_mark_is_an_operation_and_returns_its_seq(self) -> None:
        seq, manifest = self.answered(lambda: keep_artifacts([KEY], reason="paper", bus_root=self.bus))
        self.assertEqual(seq, 9)
        self.assertEqual(
            manifest["op"], {"type": "keep", "artifact_keys": [KEY], "keep": True, "reason": "paper", "by": None}
        )
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])
        self.assertEqual(self.staging(), [])

    def test_forgetting_returns_what_became_of_each_key(self) -> None:
        outcomes = [
            {"key": KEY, "status": "forgotten", "bytes": 5, "rows": "dropped"},
            {"key": OTHER, "status": "protected", "bytes": 0, "protected_by": ["it carries a keep mark"]},
        ]
        call = partial(forget_artifacts, [KEY, OTHER], rows="drop", by="ann@lab", bus_root=self.bus)
        result, manifest = self.answered(call, forget=outcomes)
        self.assertEqual(
            result,
            (
                ForgetOutcome(KEY, "forgotten", 5, "dropped"),
                ForgetOutcome(OTHER, "protected", 0, None, ("it carries a keep mark",)),
            ),
        )
        self.assertEqual(
            manifest["op"],
            {
                "type": "forget",
                "artifact_keys": [KEY, OTHER],
                "force": False,
                "rows": "drop",
                "reason": None,
                "by": "ann@lab",
            },
        )
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])

    def test_wrong_options_are_refused_before_anything_is_submitted(self) -> None:
        calls: list[tuple[Callable[[], Any], str]] = [
            (lambda: forget_artifacts([], bus_root=self.bus), "keys"),
            (lambda: forget_artifacts(KEY, bus_root=self.bus), "keys"),
            (lambda: forget_artifacts([KEY, "run-1"], bus_root=self.bus), "keys.1"),
            (lambda: forget_artifacts([KEY] * 2001, bus_root=self.bus), "keys"),
            (lambda: forget_artifacts([KEY], rows="all", bus_root=self.bus), "rows"),
            (lambda: keep_artifacts([KEY], by="x" * 201, bus_root=self.bus), "by"),
        ]
        for call, name in calls:
            with self.subTest(name), self.assertRaises(BusError) as caught:
                call()
            self.assertEqual(caught.exception.code, "OPTIONS_INVALID")
            self.assertEqual([detail.split(":")[0] for detail in caught.exception.details], [name])
        self.assertEqual(self.inbox(), [])

    def test_a_bus_on_many_machines_is_left_to_the_command_line(self) -> None:
        with self.assertRaises(BusError) as caught:
            forget_artifacts([KEY], bus_root=self.bus.as_uri())
        self.assertEqual(caught.exception.code, "OPTIONS_INVALID")
        self.assertIn("folder of this machine", caught.exception.message)

    def test_a_daemon_that_does_not_answer_is_a_timeout(self) -> None:
        with self.assertRaises(BusError) as caught:
            keep_artifacts([KEY], bus_root=self.bus, timeout_s=0.01)
        self.assertEqual(caught.exception.code, "SETTLE_TIMEOUT")
        self.assertEqual(len(self.inbox()), 1)


if __name__ == "__main__":
    unittest.main()
