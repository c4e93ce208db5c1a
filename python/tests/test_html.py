import unittest
from datetime import datetime, timezone
from pathlib import Path

from quantbot_bus import ArtifactRecord, Column, JobRecord, JobRejectedError, Lineage, LineageEdge, Receipt, Records
from quantbot_bus._settle import ReceiptArtifact

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
EVIL = "<script>alert(1)</script>\u202e"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}"


def artifact(seq: int, **changes: object) -> ArtifactRecord:
    fields: dict[str, object] = {
        **{"seq": seq, "ordinal": 0, "key": f"r{seq}/p/k/a", "run_id": f"r{seq}", "producer": "p", "kind": "k"},
        **{"artifact_id": "a", "job_id": "j", "path": Path("/store/a"), "rows": 3, "bytes": 9, "sha256": "0" * 64},
        **{"schema_hint": None, "schema": (Column("n", "BIGINT", True),), "inputs": ("r0/p/k/a",), "meta": {"a": 1}},
        **{"provenance": None, "content_hash": None, "quarantined": None, "submitted_at": NOW, "committed_at": NOW, "forgotten_at": None},
        **changes,
    }
    return ArtifactRecord(**fields)  # type: ignore[arg-type]


class HtmlTest(unittest.TestCase):
    def test_a_record_is_a_table_of_its_fields_with_the_text_of_producers_escaped(self) -> None:
        shown = artifact(1, meta={"note": EVIL})._repr_html_()
        self.assertIn("<td>key</td><td>r1/p/k/a</td>", shown)
        self.assertIn("<td>schema</td><td>n BIGINT True</td>", shown)
        self.assertIn("<td>committed_at</td><td>2026-01-31 12:00:00.000+00:00</td>", shown)
        self.assertIn(f"<td>note: {ESCAPED}</td>", shown)
        self.assertNotIn("<script>", shown)

    def test_a_list_is_a_table_with_a_row_each_and_says_how_many_more_there_are(self) -> None:
        shown = Records([artifact(seq) for seq in range(1, 61)])._repr_html_()
        self.assertEqual(shown.count("<tr>"), 51)
        self.assertIn("and 10 more", shown)
        self.assertEqual(Records([])._repr_html_(), "<p>none</p>")

    def test_lineage_receipts_and_rejections_are_tables(self) -> None:
        lineage = Lineage(("a",), (), (LineageEdge("a", "b", 1),), ())
        self.assertIn("<td>a</td><td>b</td><td>1</td>", lineage._repr_html_())
        stored = ReceiptArtifact("ingested", "r/p/k/a", "/store/a", 3, 9, "0" * 64)
        receipt = Receipt("job-1", 7, "ingested", "2026-01-31T12:00:00Z", (stored,), {})
        self.assertIn("<td>job-1</td><td>7</td>", receipt._repr_html_())
        self.assertIn("<td>r/p/k/a</td>", receipt._repr_html_())
        reason = {"code": "SCHEMA_MISMATCH", "error": EVIL, "hint": "Correct it.", "details": ["n: found VARCHAR"]}
        rejected = JobRejectedError(reason)._repr_html_()
        self.assertIn(f"<th>SCHEMA_MISMATCH</th><th>{ESCAPED}</th>", rejected)
        self.assertIn("<td>n: found VARCHAR</td>", rejected)
        job = JobRecord(4, "j", "rejected", None, None, None, 0, 0, 0, NOW, "NOT_PARQUET", "It is not Parquet.")
        self.assertIn("<td>reject_code</td><td>NOT_PARQUET</td>", job._repr_html_())


if __name__ == "__main__":
    unittest.main()
