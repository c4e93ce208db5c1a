"""Servers on this machine that stand for that of a daemon."""

import os
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock


class QuietHandler(BaseHTTPRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: Any) -> None:
        pass


class LocalServer:
    """Serves requests in another thread until it is closed."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class ServerTest(unittest.TestCase):
    """Tests of a client with a token that retries without a pause."""

    def setUp(self) -> None:
        for patch in (
            mock.patch("quantbot_bus._http_bus.time.sleep"),
            mock.patch.dict(os.environ, {"QUANTBOT_BUS_TOKEN": "secret"}),
        ):
            patch.start()
            self.addCleanup(patch.stop)
