"""The command line: ``bus_submit.py``, and ``quantbot-bus-submit`` of the installed package."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from typing import Any, NoReturn, Optional, Sequence

from ._bus_root import KeyTwice, unique_keys
from ._errors import BusError, JobRejectedError, is_bus_unavailable
from ._schema_hint import SchemaHintWarning
from ._settle import Receipt
from ._submit import Submission, submit_artifact
from ._visible import visible_lines

EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_REJECTED, EXIT_TIMED_OUT, EXIT_UNAVAILABLE = 0, 1, 2, 3, 4, 5
DEFAULT_WAIT_S = 60.0

_EPILOG = """\
exit codes:
  0    submitted; with --wait: ingested, or a duplicate of what was there already
  1    not submitted: a mistake in an option or in the file
  2    wrong usage
  3    with --wait: the daemon rejected the job (the reason is printed)
  4    with --wait: not settled in time (the job is safe in the inbox)
  5    not submitted: no bus there, or it could not take the job (disk full, no permission); try again later
  130  interrupted

example:
  python3 scripts/bus_submit.py --run-id run-123 --producer baseline --kind alerts_std \\
      --artifact-id alerts_std --parquet output.parquet --schema-hint canon.alerts_std --wait
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    # Printed below, without the place in this program.
    warnings.simplefilter("ignore", SchemaHintWarning)
    try:
        submission = submit_artifact(
            job_id=options.job_id,
            run_id=options.run_id,
            producer=options.producer,
            kind=options.kind,
            artifact_id=options.artifact_id,
            parquet=options.parquet,
            schema_hint=options.schema_hint,
            rows=options.rows,
            meta=options.meta_json,
            inputs=options.inputs,
            bus_root=options.bus_root,
            transfer="move" if options.move else "copy",
        )
        for warning in () if options.json else submission.warnings:
            print(f"SchemaHintWarning: {warning}", file=sys.stderr)
        receipt = None if options.wait is None else submission.settled(options.wait)
    except BusError as error:
        _print_error(error, options.json)
        return _exit_code(error)
    except KeyboardInterrupt:
        return 130
    print(json.dumps(_as_dict(submission, receipt)) if options.json else visible_lines(_sentence(submission, receipt)))
    return EXIT_DONE


def run() -> NoReturn:
    """The entry point of ``quantbot-bus-submit``."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output is gone; the job is with the bus all the same
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_DONE
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog=None if sys.argv[0].endswith(".py") else "quantbot-bus-submit",
        description="Submit a Parquet file to the artifact bus. When the command ends with 0, the job survives any crash.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--run-id", required=True, metavar="ID", help="the run that wrote the artifact")
    add("--producer", required=True, metavar="ID", help="the program that wrote it")
    add("--kind", required=True, metavar="ID", help="the kind of the artifact, such as trades")
    add("--artifact-id", required=True, metavar="ID", help="the name of the artifact within its run, producer and kind")
    add("--parquet", required=True, metavar="FILE", help="the file, which is copied")
    add("--job-id", metavar="ID", help="the id of the job; a retry with the same id is idempotent (default: a new id)")
    add("--schema-hint", metavar="HINT", help="canon.<table> adds the rows to a canonical table")
    add("--rows", type=int, metavar="N", help="number of rows, checked against the file (default: the file's)")
    add("--meta-json", type=_json_object, metavar="JSON", help="a JSON object, stored unchanged")
    add(
        "--input",
        action="append",
        dest="inputs",
        metavar="KEY",
        help="lineage: run_id/producer/kind/artifact_id of an artifact that the run read (repeatable)",
    )
    add(
        "--bus-root",
        metavar="DIR",
        help="a folder, s3://bucket/prefix, file:///folder or https://host "
        "(default: QUANTBOT_BUS_ROOT, the nearest bus_config.json, data/bus)",
    )
    add("--move", action="store_true", help="move the file instead of copying it")
    add(
        "--wait",
        nargs="?",
        type=_seconds,
        const=DEFAULT_WAIT_S,
        metavar="SECONDS",
        help=f"wait until the daemon has settled the job (default: up to {DEFAULT_WAIT_S:g} s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


def _json_object(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise argparse.ArgumentTypeError(f"{constant} is not JSON; use null")

    try:
        content = json.loads(text, parse_constant=refuse, object_pairs_hook=unique_keys)
    except KeyTwice as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise argparse.ArgumentTypeError("is not a JSON object")
    return content


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("is not a number of seconds")
    return seconds


def _exit_code(error: BusError) -> int:
    if isinstance(error, JobRejectedError):
        return EXIT_REJECTED
    if error.code == "SETTLE_TIMEOUT":
        return EXIT_TIMED_OUT
    return EXIT_UNAVAILABLE if is_bus_unavailable(error) else EXIT_REFUSED


def _print_error(error: BusError, as_json: bool) -> None:
    if as_json:
        status = (
            "rejected"
            if isinstance(error, JobRejectedError)
            else "timed_out"
            if error.code == "SETTLE_TIMEOUT"
            else "failed"
        )
        print(json.dumps({"status": status, **error.as_dict()}))
        return
    print(visible_lines(f"{error.code}: {error.message}"), file=sys.stderr)
    for detail in error.details:
        print(visible_lines(f"  {detail}"), file=sys.stderr)
    print(visible_lines(f"hint: {error.hint}"), file=sys.stderr)


def _as_dict(submission: Submission, receipt: Optional[Receipt]) -> dict[str, Any]:
    artifacts = [dict(vars(artifact)) for artifact in submission.artifacts]
    return {
        "status": "submitted" if receipt is None else receipt.status,
        "job_id": submission.job_id,
        "bus_root": str(submission.bus_root),
        "artifacts": artifacts,
        "warnings": list(submission.warnings),
        "receipt": None if receipt is None else receipt.raw,
    }


def _sentence(submission: Submission, receipt: Optional[Receipt]) -> str:
    (artifact,) = submission.artifacts
    what = f"{artifact.key} ({artifact.rows} rows, {artifact.bytes} bytes)"
    if receipt is None:
        return f"submitted {submission.job_id}: {what}"
    (stored,) = receipt.artifacts
    lines = [f"{receipt.status} {submission.job_id}: {what}, seq {receipt.seq}, {stored.canonical_path}"]
    return "\n".join(lines + [f"  in quarantine: {rule}" for rule in stored.quarantined])
