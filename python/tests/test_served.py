"""Reading from the server of a daemon. These tests have a small server of their own;
tooling/e2e/test/readers/python-served.campaign.test.ts has the real one."""

import hashlib
import json
import os
import socket
import time
import unittest
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Optional

from quantbot_bus import BusError
from quantbot_bus._served import _encoded, served_file
from tests.local_server import LocalServer, QuietHandler, ServerTest

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = "r1/p/k/a"


class Server(LocalServer):
    """Serves one file, and breaks the first connections after half of what they asked for."""

    def __init__(self, broken: int = 0, error: Optional[tuple[int, str]] = None, ranges: bool = True) -> None:
        self.asked: list[tuple[str, Optional[str], Optional[str]]] = []
        server = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                server.asked.append((self.path, asked, self.headers.get("Authorization")))
                if error is not None:
                    text = {"code": error[1], "message": "It is not there.", "hint": "Look again.", "details": []}
                    self._send(error[0], json.dumps({"error": text}).encode())
                    return
                start = int(asked[len("bytes=") : -1]) if asked and ranges else 0
                body = CONTENT[start:]
                half = len(body) // 2 if len(server.asked) <= broken else len(body)
                self._send(206 if start else 200, body, half)

            def _send(self, status: int, body: bytes, sent: Optional[int] = None) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:sent])
                if sent is not None and sent < len(body):
                    self.close_connection = True

        super().__init__(Handler)


class ServedFileTest(ServerTest):
    def serve(self, **options: Any) -> Server:
        server = Server(**options)
        self.addCleanup(server.close)
        return server

    def code_of(self, server: Server, sha256: str = SHA256) -> str:
        with self.assertRaises(BusError) as caught, served_file(server.url, KEY, sha256, len(CONTENT)):
            pass
        self.assertTrue(caught.exception.hint)
        return caught.exception.code

    def test_after_a_broken_connection_only_the_rest_is_fetched(self) -> None:
        server = self.serve(broken=2)
        with served_file(server.url, KEY, SHA256, len(CONTENT)) as path:
            self.assertEqual(path.read_bytes(), CONTENT)
        self.assertFalse(Path(path).exists())
        at = f"/api/v1/artifacts/{KEY}/file"
        self.assertEqual(
            server.asked,
            [(at, asked, "Bearer secret") for asked in (None, "bytes=1500000-", "bytes=2250000-")],
        )

    def test_a_proxy_that_knows_no_ranges_sends_the_whole_file_again(self) -> None:
        server = self.serve(broken=1, ranges=False)
        with served_file(server.url, KEY, SHA256, len(CONTENT)) as path:
            self.assertEqual(path.read_bytes(), CONTENT)

    def test_another_file_is_refused(self) -> None:
        self.assertEqual(self.code_of(self.serve(), "0" * 64), "READ_FAILED")

    def test_errors_of_the_server_have_the_codes_of_reading(self) -> None:
        for status, code, expected in (
            (404, "ARTIFACT_FORGOTTEN", "ARTIFACT_FORGOTTEN"),
            (404, "ARTIFACT_NOT_FOUND", "FILE_NOT_FOUND"),
            (401, "HTTP_UNAUTHORIZED", "BUS_DENIED"),
            (500, "FILE_DAMAGED", "READ_FAILED"),
        ):
            self.assertEqual(self.code_of(self.serve(error=(status, code))), expected)


class SilenceTest(ServerTest):
    def test_a_server_that_is_not_there_is_named_by_its_host_and_port_and_soon_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        started = time.monotonic()
        with self.assertRaises(BusError) as caught, served_file(f"http://127.0.0.1:{port}", KEY, SHA256, 1):
            pass
        self.assertLess(time.monotonic() - started, 3)
        self.assertEqual(caught.exception.code, "READ_FAILED")
        self.assertIn(f"(host 127.0.0.1, port {port}): ", caught.exception.message)


class ParametersTest(unittest.TestCase):
    def test_parameters_keep_every_digit(self) -> None:
        moment = datetime(1969, 12, 31, 23, 59, 59, 999000)
        for value, expected in (
            (2**62 + 1, ["bigint", str(2**62 + 1)]),
            (True, True),
            (-0.0, ["number", "-0"]),
            (float("nan"), ["number", "NaN"]),
            (b"\x00\xff", ["bytes", "AP8="]),
            (moment, ["date", -1]),
            (moment.replace(tzinfo=timezone(timedelta(hours=1))), ["date", -3_600_001]),
            (datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02 03:04:05.000006"),
            (date(2026, 1, 2), "2026-01-02"),
            (Decimal("1.10"), "1.10"),
            ([1, None, "x"], ["list", ["bigint", "1"], None, "x"]),
            ({"a": 1}, ["struct", ["a", ["bigint", "1"]]]),
        ):
            self.assertEqual(_encoded(value), expected)
        with self.assertRaises(BusError) as caught:
            _encoded([object()])
        self.assertEqual(caught.exception.code, "OPTIONS_INVALID")


if __name__ == "__main__":
    unittest.main()
