"""``scripts/test_bus.py``: submits a small file to the bus that is running, and follows it to its
golden export."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import socket
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Optional, Sequence

from ._bus_root import BusPaths, find_bus_paths, find_bus_root
from ._errors import BusError
from ._parquet_footer import read_rows
from ._settle import Receipt
from ._small_parquet import Values, write_small_parquet
from ._start_command import START_COMMAND
from ._submit import submit_artifact
from ._visible import visible_lines

TABLE = "bus_test"
_ROWS = 3
_COLUMNS: dict[str, Values] = {"id": [1, 2, 3], "name": ["one", "two", "three"], "value": [0.5, 1.5, -2.25]}
_START = f"Start it in another terminal: {START_COMMAND}"


class CheckFailed(Exception):
    """A failed step of the check. The message says what failed, and what to do."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the check; 0 when everything holds, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="test_bus.py",
        allow_abbrev=False,
        description=f"Submit three rows to canon.{TABLE}, wait for the receipt, and check the stored file and the golden export. "
        "Needs a daemon that is running.",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="bus_config.json (else QUANTBOT_BUS_CONFIG, else the nearest one upwards)"
    )
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for each step (default: 60)")
    options = parser.parse_args(argv)
    if options.config is not None:
        os.environ["QUANTBOT_BUS_CONFIG"] = options.config
    try:
        _check(find_bus_paths(), options.timeout)
    except CheckFailed as error:
        print(visible_lines(f"FAILED: {error}"))
        return 1
    except BusError as error:
        print(visible_lines(f"FAILED: {error.code}: {error.message}\n{error.hint}"))
        return 1
    except KeyboardInterrupt:
        return 130
    print("The bus works.")
    return 0


def _check(paths: BusPaths, timeout_s: float) -> None:
    print(visible_lines(f"configuration: {paths.config or 'defaults'}"))
    _check_daemon(paths)
    bus_root = find_bus_root(paths.bus_root)
    named = os.environ.get("QUANTBOT_BUS_ROOT")
    if named and Path(os.path.abspath(named)) != bus_root:
        print(
            visible_lines(
                f"note: QUANTBOT_BUS_ROOT sends producers to another bus, {named}; tested is the one of the configuration"
            )
        )
    _ok(f"a daemon reads {bus_root}")
    status = paths.export_dir / "_export_status.json"
    before = _export_entry(status)
    receipt = _submit(bus_root, timeout_s)
    (artifact,) = receipt.artifacts
    _ok(f"{receipt.status} {receipt.job_id} as seq {receipt.seq}")
    stored = Path(artifact.canonical_path)
    if _sha256(stored) != artifact.sha256 or read_rows(stored) != _ROWS:
        raise CheckFailed(f"{stored} is not the file that was submitted. Check the store: quantbot-bus verify")
    _ok(f"stored at {stored}")
    if not paths.export_enabled:
        print("skipped: exports are switched off in bus_config.json")
        return
    export = _wait_for_export(status, receipt.seq, before, timeout_s)
    _ok(f"exported canon.{TABLE}: {export['path']} ({export['rows']} rows)")


def _check_daemon(paths: BusPaths) -> None:
    """Checks the lock file first, so that the check leaves no job in an inbox without a daemon."""
    lock = Path(f"{paths.duckdb_path}.writer.lock")
    try:
        holder = json.loads(lock.read_bytes())
        pid, host = int(holder["pid"]), str(holder["host"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        raise CheckFailed(f"no daemon runs for {paths.bus_root} ({lock} names none). {_START}") from None
    if host == socket.gethostname() and not _is_running(pid):
        raise CheckFailed(f"no daemon runs for {paths.bus_root}: process {pid} of {lock} has ended. {_START}")


def _submit(bus_root: Path, timeout_s: float) -> Receipt:
    with tempfile.TemporaryDirectory(prefix="test-bus-") as folder:
        path = Path(folder) / f"{TABLE}.parquet"
        write_small_parquet(path, _COLUMNS)
        submission = submit_artifact(
            run_id=f"test-{secrets.token_hex(6)}",
            producer="test_bus",
            kind=TABLE,
            artifact_id=TABLE,
            parquet=path,
            schema_hint=f"canon.{TABLE}",
            rows=_ROWS,
            meta={"test": True},
            bus_root=bus_root,
        )
    _ok(f"submitted {submission.job_id}")
    return submission.settled(timeout_s)


def _wait_for_export(status: Path, seq: int, before: Optional[dict[str, Any]], timeout_s: float) -> dict[str, Any]:
    """Returns the status of the export, once it includes this commit and matches the file."""

    def made() -> Optional[dict[str, Any]]:
        entry = _export_entry(status)
        if entry is None or (before is not None and entry["started_at"] == before["started_at"]):
            return None
        if not entry["ok"]:
            raise CheckFailed(f"the export of canon.{TABLE} failed: {entry['error']} (see {status})")
        if entry["as_of_seq"] < seq:
            return None
        path = Path(entry["path"])
        # The next export may be replacing the file right now; its status follows.
        return entry if _sha256(path) == entry["sha256"] and read_rows(path) == entry["rows"] else None

    entry = _within(timeout_s, made)
    if entry is None:
        raise CheckFailed(f"canon.{TABLE} was not exported within {timeout_s:g} s. See {status} and the daemon's log")
    if entry["rows"] < _ROWS:
        raise CheckFailed(f"{entry['path']} has only {entry['rows']} rows")
    return entry


def _export_entry(status: Path) -> Optional[dict[str, Any]]:
    try:
        entry = json.loads(status.read_bytes())["exports"][TABLE]
    except (OSError, ValueError, KeyError):
        return None
    return entry if isinstance(entry, dict) else None


def _within(timeout_s: float, ask: Callable[[], Optional[dict[str, Any]]]) -> Optional[dict[str, Any]]:
    deadline = time.monotonic() + timeout_s
    while True:
        answer = ask()
        if answer is not None or time.monotonic() > deadline:
            return answer
        time.sleep(0.1)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    return True


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _ok(sentence: str) -> None:
    print(visible_lines(f"ok: {sentence}"), flush=True)
