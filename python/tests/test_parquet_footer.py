import random
import struct
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any

from quantbot_bus import BusError, write_small_parquet
from quantbot_bus._parquet_footer import read_rows
from tests.support import FIXTURES, TRADES, TRADES_ROWS, BusTestCase


class FooterTest(BusTestCase):
    def test_the_rows_of_a_file_come_from_its_footer(self) -> None:
        for name, rows in (("trades", TRADES_ROWS), ("trades-empty", 0), ("columns-2001", 0), ("billion-rows", 10**9)):
            with self.subTest(name):
                self.assertEqual(read_rows(FIXTURES / f"parquet/{name}.parquet"), rows)

    def test_a_file_that_is_cut_anywhere_is_refused(self) -> None:
        content = TRADES.read_bytes()
        path = self.folder / "cut.parquet"
        for length in range(len(content)):
            path.write_bytes(content[:length])
            with self.assertRaises(BusError) as caught:
                read_rows(path)
            self.assertEqual(caught.exception.code, "NOT_PARQUET")

    def test_another_format_is_called_what_it_is(self) -> None:
        path = self.folder / "other"
        for content, name in (
            (b"time,price\n1,2.5\n", "a CSV file"),
            ("größe;name\n".encode() + "ü".encode() * 300, "a CSV file"),
            (b'[{"time": 1, "price": 2.5}]', "a JSON file"),
            (b"hello there\nagain", "a text file"),
            (b"ARROW1\0\0" + bytes(20), "an Arrow IPC (Feather) file"),
            (b"a,b\n1,2\n", "a CSV file"),
            (b"PAR1,this,was,cut", None),
            (bytes(600), None),
        ):
            with self.subTest(name):
                path.write_bytes(content)
                with self.assertRaises(BusError) as caught:
                    read_rows(path)
                said = f"The file is {name}, not Parquet." if name else "it may be another format, or cut off"
                self.assertIn(said, str(caught.exception))

    def test_bytes_that_changed_never_raise_anything_but_a_bus_error(self) -> None:
        content = TRADES.read_bytes()
        path = self.folder / "changed.parquet"
        chance = random.Random(7)
        for _ in range(3000):
            changed = bytearray(content)
            for _ in range(chance.randrange(1, 8)):
                changed[chance.randrange(len(content) // 2, len(content) - 4)] = chance.randrange(256)
            path.write_bytes(changed)
            try:
                rows = read_rows(path)
            except BusError as error:
                self.assertIn(error.code, ("NOT_PARQUET", "TOO_LARGE"))
            else:
                self.assertGreaterEqual(rows, 0)

    def test_no_fixture_raises_anything_but_a_bus_error(self) -> None:
        for path in sorted((FIXTURES / "parquet").glob("*.parquet")):
            with self.subTest(path.name):
                try:
                    self.assertGreaterEqual(read_rows(path), 0)
                except BusError as error:
                    self.assertIn(error.code, ("NOT_PARQUET", "UNSUPPORTED_PARQUET"))

    def test_encrypted_files_are_named_as_such(self) -> None:
        with self.assertRaisesRegex(BusError, "encrypted") as caught:
            read_rows(FIXTURES / "parquet/encrypted.parquet")
        self.assertEqual(caught.exception.code, "UNSUPPORTED_PARQUET")

    def test_the_small_writer_writes_what_the_reader_reads(self) -> None:
        path = self.folder / "small.parquet"
        for rows in (1, 2, 100):
            write_small_parquet(path, {f"column{n}": list(range(rows)) for n in range(20)})
            self.assertEqual(read_rows(path), rows)

    def test_the_small_writer_takes_moments_of_any_time_zone(self) -> None:
        moment = datetime(2026, 1, 30, 12, 0, 0, 250_000)
        there = moment.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=9)))
        contents = []
        for name, value in (("utc", moment), ("there", there), ("later", moment + timedelta(microseconds=1))):
            path = self.folder / f"{name}.parquet"
            write_small_parquet(path, {"ts": [value, moment]})
            self.assertEqual(read_rows(path), 2)
            contents.append(path.read_bytes())
        self.assertEqual(contents[0], contents[1])
        self.assertIn(struct.pack("<2q", 1_769_774_400_250_001, 1_769_774_400_250_000), contents[2])

    def test_the_small_writer_refuses_columns_that_do_not_fit(self) -> None:
        for columns in ({}, {"a": []}, {"a": [1], "b": [1, 2]}):
            with self.assertRaises(ValueError):
                write_small_parquet(self.folder / "small.parquet", columns)

    def test_the_small_writer_refuses_a_value_that_the_type_of_its_column_does_not_hold(self) -> None:
        wrong: list[list[Any]] = [
            ["a", None],
            ["a", 5],
            [0.5, 2**53 + 1],
            [0.5, 10**400],
            [0.5, True],
            [0.5, "1"],
            [1, True],
            [1, None],
            [1, 1.5],
            [1, 2**63],
            [-(2**63) - 1],
            [datetime(2026, 1, 30), 1],
        ]
        for values in wrong:
            with self.subTest(values), self.assertRaisesRegex(ValueError, "^the column a cannot hold "):
                write_small_parquet(self.folder / "small.parquet", {"a": values})
        write_small_parquet(self.folder / "small.parquet", {"a": [0.5, 2**53, float("nan")], "b": [1, 2, 3]})
        self.assertEqual(read_rows(self.folder / "small.parquet"), 3)


if __name__ == "__main__":
    unittest.main()
