import unittest
from functools import partial
from typing import Any, Callable

from quantbot_bus import (
    BusError,
    ForgetOutcome,
    drop_table,
    forget_artifacts,
    dismiss_jobs,
    keep_artifacts,
    rename_table,
    restore_table,
    retype_column,
    set_alias,
    set_table_mode,
)
from tests.json_schema import problems
from tests.support import SCHEMAS, BusTestCase, read_json

KEY = "run-1/tests/trades/trades"
OTHER = "run-2/tests/trades/trades"


class OperationsTest(BusTestCase):
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

    def test_an_alias_is_set_and_removed(self) -> None:
        for key in (KEY, None):
            names = {"producer": "tests", "kind": "trades", "alias": "prod"}
            seq, manifest = self.answered(partial(set_alias, **names, key=key, bus_root=self.bus))
            self.assertEqual(seq, 9)
            self.assertEqual(manifest["op"], {"type": "alias", **names, "artifact_key": key})
            self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])

    def test_a_table_is_dropped_and_restored(self) -> None:
        for call, kind in ((drop_table, "table_drop"), (restore_table, "table_restore")):
            seq, manifest = self.answered(partial(call, "trades", by="ann@lab", bus_root=self.bus))
            self.assertEqual(seq, 9)
            self.assertEqual(manifest["op"], {"type": kind, "table": "trades", "reason": None, "by": "ann@lab"})
            self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])

    def test_a_table_is_renamed(self) -> None:
        seq, manifest = self.answered(partial(rename_table, "alrets", "alerts", reason="typo", bus_root=self.bus))
        self.assertEqual(seq, 9)
        op = {"type": "table_rename", "table": "alrets", "to": "alerts", "reason": "typo", "by": None}
        self.assertEqual(manifest["op"], op)
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])

    def test_a_column_gets_another_type(self) -> None:
        seq, manifest = self.answered(partial(retype_column, "trades", "qty", "DECIMAL(18,4)", bus_root=self.bus))
        self.assertEqual(seq, 9)
        names = {"table": "trades", "column": "qty", "column_type": "DECIMAL(18,4)"}
        self.assertEqual(manifest["op"], {"type": "table_retype", **names, "reason": None, "by": None})
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])

    def test_rejected_jobs_are_dismissed(self) -> None:
        seq, manifest = self.answered(partial(dismiss_jobs, ["job-1", "a b"], "old runs", bus_root=self.bus))
        self.assertEqual(seq, 9)
        op = {"type": "dismiss", "job_ids": ["job-1", "a b"], "note": "old runs", "by": None}
        self.assertEqual(manifest["op"], op)
        self.assertEqual(problems(manifest, read_json(SCHEMAS / "operation.schema.json")), [])

    def test_the_mode_of_a_table_is_set(self) -> None:
        call = partial(set_table_mode, "trades", "upsert", key=["id"], order_by=("at",), bus_root=self.bus)
        seq, manifest = self.answered(call)
        self.assertEqual(seq, 9)
        self.assertEqual(
            manifest["op"],
            {
                "type": "table_set_mode",
                "table": "trades",
                "mode": "upsert",
                "key": ["id"],
                "order_by": ["at"],
                "reason": None,
                "by": None,
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
            (lambda: set_alias(producer="p", kind="k", alias="a b", key=KEY, bus_root=self.bus), "alias"),
            (lambda: set_alias(producer="p", kind="k", alias="a", key="k", bus_root=self.bus), "key"),
            (lambda: dismiss_jobs([], "note", bus_root=self.bus), "jobs"),
            (lambda: dismiss_jobs("job-1", "note", bus_root=self.bus), "jobs"),
            (lambda: dismiss_jobs(["job-1", ""], "note", bus_root=self.bus), "jobs.1"),
            (lambda: dismiss_jobs(["job-1"], "", bus_root=self.bus), "note"),
            (lambda: drop_table("canon.trades", bus_root=self.bus), "table"),
            (lambda: restore_table("Trades", bus_root=self.bus), "table"),
            (lambda: rename_table("trades", "Trades", bus_root=self.bus), "to"),
            (lambda: retype_column("trades", "", "BIGINT", bus_root=self.bus), "column"),
            (lambda: retype_column("trades", "qty", "bigint", bus_root=self.bus), "type"),
            (lambda: set_table_mode("trades", "newest", bus_root=self.bus), "mode"),
            (lambda: set_table_mode("trades", "upsert", key="id", bus_root=self.bus), "key"),
            (lambda: set_table_mode("trades", "upsert", key=["id"], order_by=[""], bus_root=self.bus), "order_by"),
        ]
        for call, name in calls:
            with self.subTest(name), self.assertRaises(BusError) as caught:
                call()
            self.assertEqual(caught.exception.code, "OPTIONS_INVALID")
            self.assertEqual([detail.split(":")[0] for detail in caught.exception.details], [name])
        self.assertEqual(self.inbox(), [])

    def test_a_daemon_that_does_not_answer_is_a_timeout(self) -> None:
        with self.assertRaises(BusError) as caught:
            keep_artifacts([KEY], bus_root=self.bus, timeout_s=0.01)
        self.assertEqual(caught.exception.code, "SETTLE_TIMEOUT")
        self.assertEqual(len(self.inbox()), 1)


if __name__ == "__main__":
    unittest.main()
