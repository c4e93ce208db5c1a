"""Submits jobs over HTTP, to the server of a daemon: the files in parts, then the manifest."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, Mapping, NamedTuple, Optional, TypeVar

from ._durable import digest_of
from ._errors import BusError
from ._fault_point import fault_point
from ._manifest import Job, manifest_bytes, manifest_entry
from ._parquet_footer import read_rows
from ._progress import upload_bar
from ._several_files import several_files
from ._stage import check_file, checked_rows

_T = TypeVar("_T")
_PART_BYTES = 8 * 1024 * 1024
_ANSWER_S = 300
"""How long the server may take for an answer. The last one may flush gigabytes."""
_ATTEMPTS = 7
_MAX_ROUNDS = 3
"""How often the files are sent again if the server has lost them."""
_PASSING = ("HTTP_BUSY", "UPLOAD_BUSY", "UPLOAD_OFFSET")
# 408: the server's disk was busy for longer than a request may take. It keeps what it has.
_PASSING_STATUSES = (408, 502, 503, 504)
_UNKNOWN_HINT = "Submit again: the bus takes the same content only once. The outcome of this attempt is unknown."


class ServerFailed(Exception):
    """The server has answered with an error. ``code`` is empty if it is not a daemon's."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message", f"the server answered with the status {status}")))
        self.status = status
        self.code = str(error.get("code", ""))
        self.hint = str(error.get("hint", "Check that the address is that of the server of a daemon."))
        self.details = [str(detail) for detail in error.get("details", [])]


class ServerSilent(Exception):
    """The server has not answered."""


class _Answer(NamedTuple):
    headers: Mapping[str, str]
    body: bytes


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another server must not get the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class HttpBus:
    """The bus behind the server of a daemon."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._opener = urllib.request.build_opener(_NoRedirects)

    def submit(self, job_id: str, job: Job) -> tuple[bytes, list[dict[str, Any]]]:
        """Returns the manifest in the inbox, and the artifacts' entries in it."""
        for artifact in job.artifacts:
            check_file(artifact)
        entries: list[dict[str, Any]] = []
        for index, artifact in enumerate(job.artifacts):
            path = Path(os.path.abspath(os.fspath(artifact.parquet)))
            size, sha256 = digest_of(path)
            rows = checked_rows(artifact, read_rows(path))
            place = {"relpath": f"{index}-{artifact.artifact_id}.parquet"}
            entries.append(manifest_entry(artifact, place, rows, size, sha256))
        manifest = manifest_bytes(job, job_id, entries)
        contents = {(e["sha256"], e["bytes"]): Path(a.parquet) for a, e in zip(job.artifacts, entries)}
        waiting: Optional[bytes] = None
        for attempt in range(1, _MAX_ROUNDS + 1):
            several_files(contents.items(), lambda item: self._submitting(lambda: self._send(item[1], *item[0])))
            fault_point("submit:staged")
            waiting = self._enter_inbox(manifest, is_last=attempt == _MAX_ROUNDS)
            if waiting is not None:
                break
        for artifact in job.artifacts:
            if (artifact.transfer or job.transfer) == "move":
                _give_up(artifact.parquet)
        return waiting or manifest, entries

    def operate(self, job_id: str, job: Job) -> bytes:
        """Asks for an operation once: a second one may have another outcome than the first. Returns
        the manifest in the inbox."""
        body = manifest_bytes(job, job_id, [])
        hint = (
            f"The outcome is unknown. Look with `quantbot-bus jobs {job_id}` on the daemon's machine "
            "before you ask again."
        )
        answer = self._submitting(
            lambda: self.ask("POST", "/api/v1/operations", body, {"Content-Type": "application/json"}), hint
        )
        return str(json.loads(answer.body)["manifest"]).encode("utf-8")

    def retry(self, job_id: str) -> None:
        """Puts a rejected job back into the inbox. Asks once, as an operation."""
        hint = "The job may wait in the inbox by now: look at its outcome before you ask again."
        self._submitting(lambda: self.ask("POST", f"/api/v1/jobs/{job_id}/retry"), hint)

    def ask(
        self, method: str, path: str, body: Optional[bytes] = None, headers: Optional[Mapping[str, str]] = None
    ) -> _Answer:
        """Sends a request once. Raises ServerFailed, ServerSilent."""
        with self.answer(method, path, body, headers) as answer:
            return _Answer(answer.headers, answer.read())

    @contextmanager
    def answer(
        self, method: str, path: str, body: Optional[bytes] = None, headers: Optional[Mapping[str, str]] = None
    ) -> Iterator[Any]:
        """Sends a request once, for an answer that need not fit into memory. Raises as
        :meth:`ask`."""
        request = urllib.request.Request(self.root + path, data=body, method=method, headers=dict(headers or {}))
        token = os.environ.get("QUANTBOT_BUS_TOKEN")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with self._opener.open(request, timeout=_ANSWER_S) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                raise ServerFailed(error.code, _error_in(_body_of(error))) from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise ServerSilent(silence(self.root, reason)) from error

    def _send(self, path: Path, sha256: str, size: int) -> None:
        """Sends a file. After a broken connection it goes on where the server says."""
        at = f"/api/v1/uploads/{sha256}-{size}"
        reached = [0]

        def go_on() -> None:
            reached[0] = _offset_in(self.ask("GET", at))
            reach(reached[0])
            while reached[0] < size:
                reached[0] = self._send_part(at, file, reached[0], size)
                reach(reached[0])

        with open(path, "rb") as file, upload_bar(path.name, size) as reach:
            retrying(go_on, lambda: reached[0])
        fault_point("submit:copied")

    def _send_part(self, at: str, file: BinaryIO, offset: int, size: int) -> int:
        file.seek(offset)
        body = file.read(min(_PART_BYTES, size - offset))
        if len(body) < min(_PART_BYTES, size - offset):
            raise BusError("BYTES_MISMATCH", f"A file had {size} bytes, and its size changed while it was sent.")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {offset}-{offset + len(body) - 1}/{size}",
        }
        return _offset_in(self.ask("PUT", at, body, headers))

    def _enter_inbox(self, manifest: bytes, is_last: bool) -> Optional[bytes]:
        """Returns the manifest that waits in the inbox; None if a file must be sent again."""
        headers = {"Content-Type": "application/json"}

        def enter() -> _Answer:
            return retrying(lambda: self.ask("POST", "/api/v1/jobs", manifest, headers))

        try:
            answer = self._submitting(enter, _UNKNOWN_HINT)
        except ServerFailed:
            if is_last:
                raise BusError("SUBMIT_FAILED", f"{self.root} has lost the files of the job again and again.") from None
            return None
        return str(json.loads(answer.body)["manifest"]).encode("utf-8")

    def _submitting(self, work: Callable[[], _T], silent_hint: Optional[str] = None) -> _T:
        """Turns failures into errors of a submission. Raises ServerFailed for missing files."""
        try:
            return work()
        except ServerSilent as error:
            hint = silent_hint or "Check the network, and that the daemon serves HTTP. Nothing was submitted."
            raise BusError("SUBMIT_FAILED", f"The bus could not take the job: {error}.", hint=hint) from error
        except ServerFailed as error:
            if error.code == "UPLOAD_MISSING":
                raise
            raise as_bus_error(error) from error


class HttpOutcome:
    """The outcomes of ``jobs`` of producers, or of ``operations``, that the server of a daemon
    tells."""

    longest_pause_s = 2.0

    def __init__(self, bus: HttpBus, kind: str = "jobs") -> None:
        self._bus = bus
        self._kind = kind
        self._problem: Optional[str] = None
        self._found: Mapping[str, Any] = {}

    def receipt(self, job_id: str) -> Optional[dict[str, Any]]:
        """Asks the server. ``reason`` uses the same answer."""
        try:
            answer = self._bus.ask("GET", f"/api/v1/{self._kind}/{urllib.parse.quote(job_id, safe='')}/outcome")
            self._found = json.loads(answer.body)
            self._problem = None
        except ServerFailed as error:
            if error.status in (401, 403):
                raise as_bus_error(error) from error
            self._note(error)
        except (ServerSilent, ValueError) as error:
            self._note(error)  # it may answer later
        return self._outcome("receipt")

    def reason(self, job_id: str) -> Optional[dict[str, Any]]:
        return self._outcome("reason")

    def where_is(self, job_id: str) -> str:
        if self._problem is not None:
            return f"may be settled, which this program cannot see: {self._problem}"
        return str(self._found.get("place", "is not settled"))

    def _note(self, error: Exception) -> None:
        self._problem = str(error).rstrip(".")
        self._found = {}

    def _outcome(self, name: str) -> Optional[dict[str, Any]]:
        try:
            content = json.loads(self._found.get(name) or "null")
        except ValueError:
            return None  # torn: the daemon writes it again
        return content if isinstance(content, dict) else None


def as_bus_error(error: ServerFailed) -> BusError:
    if error.status in (401, 403):
        return BusError("BUS_DENIED", str(error), details=error.details)
    is_of_server = error.code == "" or error.code.startswith(("HTTP_", "UPLOAD_", "CLUSTER_"))
    if is_of_server or error.status in _PASSING_STATUSES:
        hint = f"{error.hint} Nothing was submitted."
        return BusError("SUBMIT_FAILED", f"The bus could not take the job: {str(error).rstrip('.')}.", hint=hint)
    return BusError(error.code, str(error), hint=error.hint, details=error.details)


def place_of(root: str) -> tuple[str, int]:
    """The host and the port of a server."""
    url = urllib.parse.urlsplit(root)
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def silence(root: str, reason: object) -> str:
    host, port = place_of(root)
    return f"{root} does not answer (host {host}, port {port}): {reason}"


def retrying(
    work: Callable[[], _T], progress: Callable[[], int] = lambda: 0, silent_s: float = float("inf")
) -> _T:
    """Repeats work while the server is not reachable or busy. Progress starts the attempts anew. A
    server that stays silent for ``silent_s`` after it failed is given up."""
    reached, failures = progress(), 0
    since: Optional[float] = None
    while True:
        try:
            return work()
        except (ServerSilent, ServerFailed) as error:
            is_passing = isinstance(error, ServerSilent) or error.status in _PASSING_STATUSES or error.code in _PASSING
            if progress() > reached:
                failures, since = 0, None
            failures += 1
            reached = progress()
            since = time.monotonic() if since is None else since
            pause = min(0.2 * 2 ** (failures - 1), 5.0)
            is_silent = isinstance(error, ServerSilent) and time.monotonic() - since + pause > silent_s
            if not is_passing or failures >= _ATTEMPTS or is_silent:
                raise
            time.sleep(pause)


def _offset_in(answer: _Answer) -> int:
    try:
        return int(answer.headers["Upload-Offset"])
    except (KeyError, TypeError, ValueError):
        raise ServerFailed(200, {"message": "the server did not say how much it has"}) from None


def _body_of(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read()
    except (OSError, http.client.HTTPException):
        return b""


def _error_in(body: bytes) -> Mapping[str, Any]:
    try:
        error = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError):
        return {}  # not an answer of the daemon
    return error if isinstance(error, dict) else {}


def _give_up(path: Any) -> None:
    """Removes a file that was given away. One that cannot be removed stays."""
    try:
        os.unlink(path)
    except OSError:
        pass
