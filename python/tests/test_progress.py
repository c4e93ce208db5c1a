"""Bars for uploads, with the real tqdm where it is installed."""

import importlib.util
import io
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from quantbot_bus import _http_bus, _progress
from quantbot_bus._http_bus import HttpBus
from tests.local_server import LocalServer, QuietHandler, ServerTest

BYTES = 3_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Uploads(LocalServer):
    """Keeps what is sent, and loses half of the first part."""

    def __init__(self) -> None:
        self.content = b""
        uploads = self

        class Handler(QuietHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not uploads.content:
                    uploads.content = body[: len(body) // 2]
                    self.connection.close()
                    return
                uploads.content += body
                self.do_GET()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Upload-Offset", str(len(uploads.content)))
                self.send_header("Content-Length", "0")
                self.end_headers()

        super().__init__(Handler)


@unittest.skipIf(importlib.util.find_spec("tqdm") is None, "tqdm is not installed")
class ProgressTest(ServerTest):
    def setUp(self) -> None:
        super().setUp()
        for name, value in (("SHOWN_FROM_BYTES", BYTES), ("_DELAY_S", 0)):
            patch = mock.patch.object(_progress, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def shown(self, stream: io.StringIO, size: int = BYTES) -> str:
        server = Uploads()
        self.addCleanup(server.close)
        content = bytes(range(250)) * (size // 250)
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(sys, "stderr", stream), mock.patch.object(
            _http_bus, "_PART_BYTES", 1_000_000
        ):
            path = Path(folder) / "prices.parquet"
            path.write_bytes(content)
            HttpBus(server.url)._send(path, "0" * 64, size)
        self.assertEqual(server.content, content)
        return stream.getvalue()

    def test_a_long_upload_has_a_bar_that_ends_at_its_size(self) -> None:
        text = self.shown(Terminal())
        self.assertIn("prices.parquet: 100%", text)
        self.assertIn("2.86M/2.86M", text)

    def test_a_short_upload_and_one_without_a_terminal_have_none(self) -> None:
        self.assertEqual(self.shown(Terminal(), BYTES - 250), "")
        self.assertEqual(self.shown(io.StringIO()), "")

    def test_without_tqdm_nothing_is_shown(self) -> None:
        with mock.patch.dict(sys.modules, {"tqdm": None, "tqdm.auto": None}):
            self.assertEqual(self.shown(Terminal()), "")

    def test_a_file_that_is_read_twice_starts_its_bar_again(self) -> None:
        seen: list[int] = []
        file = _progress.ReadFile(io.BytesIO(b"abcdef"), seen.append)
        self.assertEqual((file.read(), file.seek(0), file.read(4), file.tell()), (b"abcdef", 0, b"abcd", 4))
        self.assertEqual(seen, [6, 0, 4])


if __name__ == "__main__":
    unittest.main()
