"""The fixture jobs that the daemon is tested with, seen from the producer's side:
packages/bus-daemon/fixtures/jobs."""

import base64
import unittest
from pathlib import Path
from typing import Any, Optional

from quantbot_bus import Artifact, BusError, submit_artifacts
from quantbot_bus._errors import HINTS
from quantbot_bus._schema_hint import schema_hint_problem, schema_hint_warning
from tests.json_schema import problems
from tests.support import FIXTURES, REPOSITORY, SCHEMAS, BusTestCase, read_json

CASES = sorted((FIXTURES / "jobs").glob("*/case.json"))
JOB_OPTIONS = {"run_id", "producer", "kind", "inputs", "provenance", "meta"}
ARTIFACT_OPTIONS = {"artifact_id", "kind", "schema_hint", "rows", "meta"}
# What only the daemon can tell: content that no footer's row count shows, and what other jobs have
# brought.
DAEMON_ONLY = {
    "NOT_PARQUET",
    "UNSUPPORTED_PARQUET",
    "COLUMN_UNSUPPORTED",
    "TOO_COMPLEX",
    "SCHEMA_MISMATCH",
    "QUALITY_FAILED",
    "ARTIFACT_CONFLICT",
    "TOO_LARGE",
}


def manifest_of(case: dict[str, Any], name: str) -> dict[str, Any]:
    artifact = {"artifact_id": "trades", "format": "parquet", "relpath": "trades.parquet", **case.get("artifact", {})}
    manifest = {
        "manifest_version": 1,
        "job_id": name,
        "run_id": f"run-{name}",
        "producer": "fixtures",
        "kind": "trades",
        "created_at_utc": "2026-01-31T12:00:00Z",
        "artifacts": [artifact],
        **case.get("manifest", {}),
    }
    return {field: value for field, value in manifest.items() if field not in case.get("omit", [])}


def parquet_of(case: dict[str, Any], folder: Path) -> Optional[Path]:
    """The case's one file where it is made of a fixture; None where it is something else."""
    recipe = case.get("files", {}).get("trades.parquet", {"parquet": "trades"})
    if recipe is None or "parquet" not in recipe or "mode" in recipe:
        return None
    content = bytearray((FIXTURES / f"parquet/{recipe['parquet']}.parquet").read_bytes()[: recipe.get("keep")])
    for change in recipe.get("replace", []):
        data = base64.b64decode(change["base64"])
        at = change["at"] if change["at"] >= 0 else len(content) + change["at"]
        content[at : at + len(data)] = data
    path = folder / "trades.parquet"
    path.write_bytes(content)
    return path


def submission_of(case: dict[str, Any], name: str, folder: Path) -> Optional[dict[str, Any]]:
    """The case as a call of submit_artifacts; None where a producer cannot even say it."""
    manifest, artifact = case.get("manifest", {}), case.get("artifact", {})
    strange = set(manifest) - JOB_OPTIONS | set(artifact) - ARTIFACT_OPTIONS | set(case) & {"omit", "folder", "linked"}
    others = set(case.get("files", {})) - {"trades.parquet"}
    parquet = parquet_of(case, folder)
    if strange or others or parquet is None or "folder_base64" in case:
        return None
    return {
        "artifacts": [Artifact(**{"artifact_id": "trades", "parquet": parquet, **artifact})],
        **{"job_id": name, "run_id": f"run-{name}", "producer": "fixtures", "kind": "trades", **manifest},
    }


class ContractTest(BusTestCase):
    def test_the_schema_takes_every_job_that_the_daemon_takes(self) -> None:
        schemas = {kind: read_json(SCHEMAS / f"{kind}.schema.json") for kind in ("manifest", "operation")}
        for path in CASES:
            case = read_json(path)
            if case["expect"]["status"] in ("ingested", "duplicate") and "manifest.json" not in case.get("files", {}):
                manifest = manifest_of(case, path.parent.name)
                with self.subTest(path.parent.name):
                    self.assertEqual(problems(manifest, schemas["operation" if "op" in manifest else "manifest"]), [])

    def test_python_refuses_what_the_daemon_would_reject_and_submits_what_it_would_take(self) -> None:
        submitted = refused = 0
        for path in CASES:
            case, name = read_json(path), path.parent.name
            options = submission_of(case, name, self.folder)
            if options is None:
                continue
            expected = case["expect"]
            with self.subTest(name):
                try:
                    submit_artifacts(bus_root=self.bus, **options)
                    submitted += 1
                    if expected["status"] == "rejected":
                        self.assertIn(expected["code"], DAEMON_ONLY, case["title"])
                except BusError as error:
                    refused += 1
                    self.assertEqual(expected["status"], "rejected", f"{case['title']} {error}")
                    if expected["code"] != "MANIFEST_INVALID":
                        self.assertEqual(error.code, expected["code"], case["title"])
        self.assertGreater(submitted, 10)
        self.assertGreater(refused, 10)

    def test_hints_that_are_meant_for_a_canonical_table_are_judged_as_in_typescript(self) -> None:
        hints = read_json(SCHEMAS.parent / "fixtures/schema-hints.json")
        self.assertEqual({hint: schema_hint_problem(hint) for hint in hints["bad"]}, hints["bad"])
        self.assertEqual([schema_hint_problem(hint) for hint in hints["good"]], [None] * len(hints["good"]))
        self.assertEqual({hint: schema_hint_warning(hint) for hint in hints["warned"]}, hints["warned"])
        self.assertEqual([schema_hint_warning(hint) for hint in hints["silent"]], [None] * len(hints["silent"]))

    def test_every_code_that_python_raises_has_a_hint_and_is_in_the_reference(self) -> None:
        pages = [REPOSITORY / f"docs/reference/{name}.md" for name in ("errors", "errors-storage", "python")]
        text = "".join(page.read_text(encoding="utf-8") for page in pages)
        self.assertEqual([code for code in HINTS if f"`{code}`" not in text], [])


if __name__ == "__main__":
    unittest.main()
