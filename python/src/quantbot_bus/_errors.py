"""Errors with a stable code, a sentence, and a hint that says what to do next: the same codes as in
TypeScript."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from ._html import table
from ._start_command import START_COMMAND

HINTS: Mapping[str, str] = {
    "OPTIONS_INVALID": "Correct the named options and call again.",
    "ID_INVALID": "Use letters, digits, dot, underscore and hyphen, starting with a letter or digit, at most 100 characters.",
    "BUS_ROOT_NOT_FOUND": f"Start the daemon once (`{START_COMMAND}`), pass --bus-root, or set QUANTBOT_BUS_ROOT.",
    "BUS_ROOT_INVALID": "Choose a path without the characters * ? [ ] { } \\ and without folders named like key=value.",
    "CONFIG_INVALID": "Correct the named settings in bus_config.json.",
    "CONFIG_NOT_FOUND": "Check the path given by QUANTBOT_BUS_CONFIG.",
    "OBJECT_CLIENT_MISSING": "Run `pip install boto3`.",
    "CHECKSUM_MISMATCH": "Submit the file again, and do not write to it afterwards. It changed after it was hashed.",
    "BUS_DENIED": "Set QUANTBOT_BUS_TOKEN to a token that may submit as this producer: `quantbot-bus token create NAME --submit PRODUCER`.",
    "DISK_FULL": "Free some space: `quantbot-bus doctor` names what could go. Then submit again; waiting jobs go on by themselves.",
    "SUBMIT_FAILED": "Fix the cause, then submit again. Nothing was submitted.",
    "JOB_ID_IN_USE": "Wait until the job with this id has settled, or submit under another job id.",
    "JOB_NOT_FOUND": "Run `quantbot-bus rejected` to list the rejected jobs.",
    "JOB_ID_WAITING": "Wait until that job has settled (`quantbot-bus status`).",
    "SETTLE_TIMEOUT": "Run `ps aux | grep bus_daemon` to see whether the daemon runs. The job is safe in the inbox.",
    "ARTIFACT_MISSING": "Check the path of the Parquet file.",
    "ARTIFACT_UNREADABLE": "Check the permissions of the file.",
    "NOT_PARQUET": "Write the file again with a Parquet writer, and close the writer before submitting.",
    "UNSUPPORTED_PARQUET": "Write the file without encryption, and restrict who may read the bus.",
    "ROWS_MISMATCH": "Leave `rows` out, or give the number of rows in the file.",
    "BYTES_MISMATCH": "Submit the file again when it is complete. A program is still writing to it.",
    "CLOSED": "Open it again, and close it after its last use.",
    "DATABASE_NOT_FOUND": f"Check the path, or start the daemon (`{START_COMMAND}`). It publishes the database at its start.",
    "DATABASE_INVALID": "Check the path. If it is right, upgrade DuckDB (`pip install -U duckdb`): it may be older than the one that wrote the file.",
    "DATABASE_LOCKED": "Close the process that has the database open for writing, and submit through the bus instead.",
    "DATABASE_READ_ONLY": "Write Parquet and submit it (`bus.write`). Only the daemon writes the database.",
    "DATABASE_MOVED": "Run `quantbot-bus start` in that folder. The daemon then publishes the database with the paths of that folder.",
    "JOURNAL_DAMAGED": "Run `quantbot-bus doctor`. Restart the daemon: it uses what older files hold, or says which file to restore from a backup.",
    "QUERY_FAILED": "Correct the SQL or its parameters. DuckDB's own message is above.",
    "ANSWER_TOO_LARGE": "Ask for less at once, or read the golden export or the artifacts of the table.",
    "READ_FAILED": "Fix the cause, then read again.",
    "FILE_NOT_FOUND": "Check the path. The file may have been forgotten since.",
    "ARTIFACT_FORGOTTEN": "Submit the same bytes under the same key again, which restores the artifact. `catalog.forgotten_f` says who forgot it, and why.",
    "LAKE_UNKNOWN": "Run this below the folder of that file, set QUANTBOT_BUS_CONFIG to it, or give `config=`.",
    "LAKE_UNREACHABLE": "Check that PostgreSQL and the object store can be reached, and that `quantbot-bus cluster init` has run.",
    "EXTENSION_MISSING": "Let the host reach extensions.duckdb.org once, or set cluster.extensions to a folder with the extensions of exactly this version of DuckDB.",
    "LIBRARY_MISSING": "Install the library that the message names: `pip install 'quantbot-bus[all]'` has all of them.",
    "VALUE_INVALID": "Convert the value before writing, or choose another column type.",
    "TOO_LARGE": "Put large metadata into an artifact of its own, or split the job.",
}
"""The hint of each code that is raised before a job reaches the bus, or while waiting for it."""


class BusError(Exception):
    """An error that this package raises on purpose.

    ``code`` is stable and may be compared. ``details`` has one fact a line. ``hint`` says what to
    do next.
    """

    def __init__(self, code: str, message: str, *, hint: Optional[str] = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = HINTS[code] if hint is None else hint
        self.details = tuple(details)

    def as_dict(self) -> dict[str, Any]:
        """The error as it is printed by ``--json``."""
        return {"code": self.code, "error": self.message, "details": list(self.details), "hint": self.hint}


class JobRejectedError(BusError):
    """The daemon rejected the job; ``reason`` is its ``REJECT_REASON.json``."""

    def __init__(self, reason: Mapping[str, Any]) -> None:
        super().__init__(
            str(reason["code"]),
            str(reason["error"]),
            hint=str(reason.get("hint", "")),
            details=[str(detail) for detail in reason.get("details", [])],
        )
        self.reason = dict(reason)

    def _repr_html_(self) -> str:
        details = [("", detail) for detail in self.details]
        return table((self.code, self.message), [*details, ("hint", self.hint)])


def is_bus_unavailable(error: BaseException) -> bool:
    """Whether the bus could not take a job through no fault of the artifact: no bus, no permission,
    disk full.

    A producer then keeps its file and may submit it later.
    """
    return isinstance(error, BusError) and error.code in ("BUS_ROOT_NOT_FOUND", "DISK_FULL", "SUBMIT_FAILED")
