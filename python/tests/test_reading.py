import hashlib
import json
import os
import struct
import sys
import unittest
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from quantbot_bus import Bus, BusError
from quantbot_bus._bus_root import find_cluster
from quantbot_bus._lake import conninfo_of
from quantbot_bus._sealed import JournalCheck
from tests.support import BusTestCase

MARK = b"\x18\x0fquantbot.sha256\x18\x40"
SEALED = b"\x18\x0fquantbot.sealed\x18\x01"


def sealed(content: bytes, *, digest: bool = True, mark: bool = True) -> bytes:
    """A file that ends as a Parquet file of the daemon does."""
    footer = b"schema" + (SEALED + b"1" if mark else b"") + (MARK + b"0" * 64 if digest else b"") + b"end"
    file = b"PAR1" + content + footer + struct.pack("<I", len(footer)) + b"PAR1"
    return file.replace(b"0" * 64, hashlib.sha256(file).hexdigest().encode()) if digest else file


class JournalCheckTest(BusTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.journal = self.bus / "journal"
        for name in ("segments", "hot/000000000000", "hot/000000000003", "hot/000000000004"):
            (self.journal / name).mkdir(parents=True)
        self.write("segments/000000000001-000000000003.parquet")
        self.write("segments/000000000001-000000000002.parquet")
        for seq in (0, 3, 4):
            self.write(f"hot/{seq:012d}/commit.parquet")

    def write(self, name: str, content: bytes = b"rows" * 500_000, **how: bool) -> Path:
        path = self.journal / name
        path.write_bytes(sealed(content, **how))
        return path

    def damaged(self) -> list[str]:
        try:
            JournalCheck(self.bus).run()
        except BusError as error:
            self.assertEqual(error.code, "JOURNAL_DAMAGED")
            names = error.message.split(": ")[0].split(", ")
            return [str(Path(name).relative_to(self.journal)) for name in names]
        return []

    def test_sound_files_and_those_of_earlier_versions_pass(self) -> None:
        self.assertEqual(self.damaged(), [])
        self.write("hot/000000000004/commit.parquet", digest=False, mark=False)
        self.assertEqual(self.damaged(), [])

    def test_a_flipped_bit_anywhere_is_found_in_live_files_only(self) -> None:
        segment = self.journal / "segments/000000000001-000000000003.parquet"
        content = segment.read_bytes()
        for at in (0, 5, 1_200_000, len(content) - 100, len(content) - 90, len(content) - 20, len(content) - 2):
            segment.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with self.subTest(at):
                self.assertEqual(self.damaged(), ["segments/000000000001-000000000003.parquet"])
        segment.write_bytes(content)
        (self.journal / "segments/000000000001-000000000002.parquet").write_bytes(b"garbage")
        (self.journal / "hot/000000000003/commit.parquet").write_bytes(b"compacted")
        self.assertEqual(self.damaged(), [])

    def test_a_lost_seal_and_what_is_no_file_are_found(self) -> None:
        name = "hot/000000000004/commit.parquet"
        for how in ({"mark": False}, {"digest": False}):
            self.write(name, **how)
            self.assertEqual(self.damaged(), [name])
        path = self.journal / name
        path.unlink()
        self.assertEqual(self.damaged(), [])  # compacted meanwhile
        for make in (lambda: os.symlink("elsewhere", path), lambda: os.mkfifo(path), lambda: path.write_bytes(b"")):
            make()
            self.assertEqual(self.damaged(), [name])
            path.unlink()

    def test_a_file_is_read_once_and_a_new_one_is_found(self) -> None:
        check = JournalCheck(self.bus)
        check.run()
        known = self.journal / "segments/000000000001-000000000003.parquet"
        known.write_bytes(b"not looked at again")
        check.run()
        (self.journal / "hot/000000000005").mkdir()
        self.write("hot/000000000005/commit.parquet", mark=False)
        with self.assertRaisesRegex(BusError, "000000000005"):
            check.run()


class WithoutLibrariesTest(BusTestCase):
    def test_reading_says_which_library_it_needs(self) -> None:
        (self.folder / "alerts.duckdb").write_bytes(b"")
        bus = Bus(self.bus)
        calls: list[Callable[[], Any]] = [bus.runs, bus.table("t").rel, lambda: bus.latest("p", "k"), bus.watch]
        with mock.patch.dict(sys.modules, {"duckdb": None}):
            for call in calls:
                with self.assertRaises(BusError) as caught:
                    call()
                self.assertEqual(caught.exception.code, "LIBRARY_MISSING")
                self.assertEqual(caught.exception.hint, "Run `pip install 'quantbot-bus[duckdb]'`.")
        with mock.patch.dict(sys.modules, {"pyarrow": None, "pandas": None, "polars": None}):
            for name, call in (("arrow", bus.table("t").arrow), ("pandas", bus.table("t").df), ("polars", bus.table("t").pl)):
                with self.assertRaisesRegex(BusError, "is not installed") as caught:
                    call()
                self.assertIn(f"[{name}]", caught.exception.hint)

    def test_a_bus_in_an_object_store_is_read_through_the_configuration_of_its_cluster(self) -> None:
        config = self.folder / "bus_config.json"
        cluster = {"postgres": "postgres://db/bus", "objects": "s3://bucket/other"}
        config.write_text(json.dumps({"cluster": cluster}))
        for bus in (Bus("s3://bucket/prefix"), Bus("s3://bucket/prefix", config=config)):
            with self.assertRaises(BusError) as caught:
                bus.artifacts()
            self.assertEqual(caught.exception.code, "LAKE_UNKNOWN")
        with mock.patch.dict(sys.modules, {"duckdb": None}), self.assertRaises(BusError) as caught:
            Bus("s3://bucket/other/", config=config).artifacts()
        self.assertEqual(caught.exception.code, "LIBRARY_MISSING")

    def test_the_settings_of_a_lake_have_variables_and_paths_of_their_configuration(self) -> None:
        config = self.folder / "bus_config.json"
        cluster = {"postgres": "${PG}", "objects": "s3://bucket/${NAME}", "extensions": "extensions", "s3": {"region": "r"}}
        config.write_text(json.dumps({"cluster": cluster}))
        with mock.patch.dict(os.environ, {"PG": "postgres://db/bus", "NAME": "prefix"}):
            found = find_cluster("s3://bucket/prefix/", config)
        self.assertEqual(found, ("postgres://db/bus", self.folder / "extensions", {"region": "r"}))

    def test_the_url_of_postgresql_is_taken_apart_and_its_password_kept_apart(self) -> None:
        timeouts = "connect_timeout='10' keepalives_idle='10' keepalives_interval='5' tcp_user_timeout='30000'"
        for url, text, password in (
            ("postgres://bus@db/bus", f"user='bus' host='db' dbname='bus' {timeouts}", None),
            ("postgresql://b%40:a%40b@db:5433/bus", f"user='b@' host='db' port='5433' dbname='bus' {timeouts}", "a@b"),
            ("postgres://u@a:1,b:2/bus?password=x", f"user='u' host='a,b' port='1,2' dbname='bus' {timeouts}", "x"),
            ("postgres://u@[::1]:5/it's", f"user='u' host='::1' port='5' dbname='it\\'s' {timeouts}", None),
            (
                "postgres://u:p@/bus?host=%2Frun%2Fpg&connect_timeout=3",
                f"user='u' host='/run/pg' dbname='bus' {timeouts.replace('10', '3', 1)}",
                "p",
            ),
        ):
            with self.subTest(url):
                self.assertEqual(conninfo_of(url), (text, password))


class PublishedPathTest(BusTestCase):
    def path(self, **options: Any) -> Path:
        reader = Bus(self.bus, **options)._reader
        assert reader is not None
        return reader.path

    def test_the_database_is_that_of_the_configuration_or_beside_the_bus(self) -> None:
        self.assertEqual(self.path(), self.folder / "alerts.duckdb")
        config = self.folder / "bus_config.json"
        config.write_text('{"bus_root": "other", "duckdb_path": "other.duckdb"}')
        self.assertEqual(self.path(), self.folder / "alerts.duckdb")
        config.write_text('{"bus_root": "bus", "duckdb_path": "own.duckdb"}')
        self.assertEqual(self.path(), self.folder / "own.duckdb")
        self.assertEqual(self.path(duckdb_path=self.folder / "given.duckdb"), self.folder / "given.duckdb")


if __name__ == "__main__":
    unittest.main()
