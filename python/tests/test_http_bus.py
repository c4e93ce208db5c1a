"""Submitting to the server of a daemon. These tests have a small server of their own;
tooling/e2e/test/jobs/python-over-http.test.ts has the real one."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable, Optional

from quantbot_bus import Bus, BusError, is_bus_unavailable, keep_artifacts, submit_artifact
from tests.local_server import LocalServer, QuietHandler, ServerTest
from tests.support import IDS, TRADES

SIZE = TRADES.stat().st_size
UPLOAD = f"/api/v1/uploads/{hashlib.sha256(TRADES.read_bytes()).hexdigest()}-{SIZE}"


class Server(LocalServer):
    """Keeps one file, and answers with what ``answer`` returns if that is not None."""

    def __init__(self, answer: Callable[[str, str], Optional[int]]) -> None:
        self.content = b""
        self.manifest = b""
        self.asked: list[tuple[str, str, Optional[str]]] = []
        server = self

        class Handler(QuietHandler):
            def do(self) -> None:
                server.asked.append((self.command, self.path, self.headers.get("Authorization")))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status = answer(self.command, self.path)
                if status == 0:
                    server.content += body[: len(body) // 2]
                    self.connection.close()  # the rest is lost
                    return
                if status is None and self.command == "PUT":
                    server.content += body
                if status is None and self.command == "POST":
                    server.manifest = body
                error = {"error": {"code": "HTTP_FORBIDDEN", "message": "No.", "hint": "", "details": []}}
                found = {"manifest": server.manifest.decode()} if status is None else error
                text = json.dumps(found).encode()
                self.send_response(status or 200)
                self.send_header("Upload-Offset", str(len(server.content)))
                if status == 307:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_PUT = do_POST = do_GET = do

        super().__init__(Handler)


class HttpBusTest(ServerTest):
    def serve(self, answer: Callable[[str, str], Optional[int]] = lambda *_: None) -> Server:
        server = Server(answer)
        self.addCleanup(server.close)
        return server

    def assert_refused(self, code: str, root: str, **options: Any) -> BusError:
        with self.assertRaises(BusError) as caught:
            submit_artifact(**{**IDS, "parquet": TRADES, "bus_root": root, **options})
        self.assertEqual(caught.exception.code, code)
        self.assertTrue(caught.exception.hint)
        return caught.exception

    def test_a_file_is_sent_then_the_manifest_with_the_token(self) -> None:
        server = self.serve()
        folder = Path(tempfile.mkdtemp(prefix="quantbot-python-"))
        self.addCleanup(shutil.rmtree, folder)
        given = folder / "given.parquet"
        shutil.copy(TRADES, given)
        submission = submit_artifact(**{**IDS, "parquet": given}, bus_root=server.url, transfer="move")
        self.assertFalse(given.exists())
        self.assertEqual(server.content, TRADES.read_bytes())
        (artifact,) = json.loads(server.manifest)["artifacts"]
        self.assertEqual([artifact["relpath"], artifact["bytes"]], ["0-trades.parquet", SIZE])
        self.assertEqual(submission.manifest_sha256, hashlib.sha256(server.manifest).hexdigest())
        token = "Bearer secret"
        self.assertEqual(
            server.asked, [("GET", UPLOAD, token), ("PUT", UPLOAD, token), ("POST", "/api/v1/jobs", token)]
        )

    def test_it_goes_on_where_the_server_is_after_a_broken_connection_and_after_a_busy_disk(self) -> None:
        for status in (0, 408):
            failures: list[int] = []

            def answer(method: str, _path: str) -> Optional[int]:
                if method != "PUT" or len(failures) == 3:
                    return None
                failures.append(1)
                return status

            server = self.serve(answer)
            submit_artifact(**IDS, parquet=TRADES, bus_root=server.url)
            self.assertEqual(server.content, TRADES.read_bytes())

    def test_a_refusal_and_a_redirect_are_not_tried_again(self) -> None:
        denied = self.serve(lambda method, _: 403 if method == "POST" else None)
        self.assert_refused("BUS_DENIED", denied.url)
        self.assertEqual([method for method, *_ in denied.asked], ["GET", "PUT", "POST"])
        elsewhere = self.serve(lambda *_: 307)
        self.assertFalse("127.0.0.1:1" in str(self.assert_refused("SUBMIT_FAILED", elsewhere.url)))
        self.assertEqual(len(elsewhere.asked), 1)

    def test_a_server_that_does_not_answer_is_an_unavailable_bus(self) -> None:
        error = self.assert_refused("SUBMIT_FAILED", "http://127.0.0.1:1")
        self.assertTrue(is_bus_unavailable(error))
        lost = self.serve(lambda method, _: 0 if method == "POST" else None)
        self.assertIn("unknown", self.assert_refused("SUBMIT_FAILED", lost.url).hint)

    def test_an_operation_is_sent_once_and_its_outcome_is_unknown_if_no_answer_comes(self) -> None:
        server = self.serve(lambda method, path: 0 if method == "POST" else None)
        with self.assertRaises(BusError) as caught:
            keep_artifacts(["a/b/c/d"], bus_root=server.url)
        self.assertEqual(caught.exception.code, "SUBMIT_FAILED")
        self.assertIn("The outcome is unknown", caught.exception.hint)
        self.assertEqual([asked[:2] for asked in server.asked], [("POST", "/api/v1/operations")])

    def test_a_rejected_job_is_retried_by_one_request(self) -> None:
        server = self.serve()
        Bus(server.url).retry("job-1")
        self.assertEqual([asked[:2] for asked in server.asked], [("POST", "/api/v1/jobs/job-1/retry")])
        denied = self.serve(lambda *_: 403)
        with self.assertRaises(BusError) as caught:
            Bus(denied.url).retry("job-1")
        self.assertEqual(caught.exception.code, "BUS_DENIED")

    def test_an_operation_without_the_right_to_it_is_denied(self) -> None:
        server = self.serve(lambda method, path: 403)
        with self.assertRaises(BusError) as caught:
            keep_artifacts(["a/b/c/d"], bus_root=server.url)
        self.assertEqual(caught.exception.code, "BUS_DENIED")
