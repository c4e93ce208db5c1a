import hashlib
import json
import os
import unittest
from pathlib import Path
from typing import Any

from quantbot_bus import BusError
from quantbot_bus._bus_root import find_bus_paths, find_bus_root
from tests.support import BusTestCase, CONFIG_FIXTURES, make_bus, read_json


class BusRootTest(BusTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def config(self, path: Path, **settings: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
        return path

    def assert_refused(self, code: str, *arguments: Any, **options: Any) -> None:
        with self.assertRaises(BusError) as caught:
            find_bus_root(*arguments, **{"env": {}, **options})
        self.assertEqual(caught.exception.code, code)

    def test_the_argument_comes_before_the_environment_before_the_configuration_before_the_default(self) -> None:
        by_flag, by_env = make_bus(self.folder / "flag"), make_bus(self.folder / "env")
        by_config, by_default = make_bus(self.folder / "config"), make_bus(self.folder / "data/bus")
        self.assertEqual(find_bus_root(env={}), by_default)
        self.config(self.folder / "bus_config.json", bus_root="config")
        self.assertEqual(find_bus_root(env={"QUANTBOT_BUS_ROOT": ""}), by_config)
        self.assertEqual(find_bus_root(env={"QUANTBOT_BUS_ROOT": "env"}), by_env)
        self.assertEqual(find_bus_root("flag", env={"QUANTBOT_BUS_ROOT": "env"}), by_flag)

    def test_the_nearest_configuration_upwards_counts_and_its_paths_are_relative_to_it(self) -> None:
        self.config(self.folder / "bus_config.json", bus_root="far")
        self.config(self.folder / "a/bus_config.json", bus_root="near", export={"export_dir": "out", "enabled": False})
        below = self.folder / "a/b/c"
        below.mkdir(parents=True)
        paths = find_bus_paths(below, env={})
        self.assertEqual(paths.bus_root, self.folder / "a/near")
        self.assertEqual(paths.duckdb_path, self.folder / "a/data/alerts.duckdb")
        self.assertEqual((paths.export_dir, paths.export_enabled), (self.folder / "a/out", False))

    def test_a_named_configuration_must_be_there(self) -> None:
        path = self.config(self.folder / "x/my.json", bus_root="../bus")
        self.assertEqual(find_bus_root(env={"QUANTBOT_BUS_CONFIG": str(path)}), self.bus)
        self.assert_refused("CONFIG_NOT_FOUND", env={"QUANTBOT_BUS_CONFIG": "nowhere.json"})

    def test_a_configuration_with_a_mistake_is_refused(self) -> None:
        path = self.folder / "bus_config.json"
        nested = "[" * 100_000 + "]" * 100_000
        for text in ("{", "[]", '{"bus_root": 1}', '{"bus_root": ""}', '{"export": []}', nested, f'{{"x": {nested}}}'):
            path.write_text(text)
            self.assert_refused("CONFIG_INVALID")
        path.write_text('{"bus_root": "a", "bus_\\u0072oot": "b"}')
        with self.assertRaisesRegex(BusError, 'has a key twice: "bus_root"'):
            find_bus_root(env={})

    def test_comments_are_taken_as_the_daemon_takes_them(self) -> None:
        path = self.folder / "bus_config.json"
        cases = read_json(CONFIG_FIXTURES / "comments.json")
        self.assertGreater(len(cases), 10)
        for case in cases:
            with self.subTest(case["text"]):
                path.write_text(case["text"], encoding="utf-8")
                if case["bus_root"] is None:
                    with self.assertRaises(BusError) as caught:
                        find_bus_paths(env={})
                    self.assertIn(caught.exception.code, ("CONFIG_INVALID", "BUS_ROOT_INVALID"))
                else:
                    self.assertEqual(find_bus_paths(env={}).bus_root, self.folder / case["bus_root"])

    def test_a_marker_that_is_nested_deep_marks_no_bus(self) -> None:
        (self.folder / "plain").mkdir()
        (self.folder / "plain/bus.json").write_text("[" * 100_000 + "]" * 100_000)
        self.assert_refused("BUS_ROOT_NOT_FOUND", "plain")

    def test_a_folder_that_no_bus_has_marked_is_refused(self) -> None:
        (self.folder / "plain").mkdir()
        self.assert_refused("BUS_ROOT_NOT_FOUND", "plain")
        self.assert_refused("BUS_ROOT_NOT_FOUND", "nowhere")
        for marker in ("{", "{}", '{"bus": "quantbot-artifact-bus", "layout_version": 2}'):
            (self.folder / "plain/bus.json").write_text(marker)
            self.assert_refused("BUS_ROOT_NOT_FOUND", "plain")

    def test_each_flipped_bit_of_a_marker_is_noticed(self) -> None:
        bus = make_bus(self.folder / "other")
        marker = bus / "bus.json"
        state = json.loads(marker.read_text())
        check = hashlib.sha256(json.dumps(state, separators=(",", ":")).encode()).hexdigest()
        good = json.dumps({**state, "check": check}, indent=2).encode()
        marker.write_bytes(good)
        find_bus_root(bus)
        text = json.loads(good)
        for place in range(len(good)):
            marker.write_bytes(good[:place] + bytes([good[place] ^ (1 << place % 8)]) + good[place + 1 :])
            try:
                find_bus_root(bus)
                self.assertEqual(json.loads(marker.read_text()), text)
            except BusError as error:
                self.assertEqual(error.code, "BUS_ROOT_NOT_FOUND")

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no FIFOs here")
    def test_nobody_waits_for_a_fifo_in_the_place_of_a_marker(self) -> None:
        (self.folder / "plain").mkdir()
        os.mkfifo(self.folder / "plain/bus.json")
        self.assert_refused("BUS_ROOT_NOT_FOUND", "plain")

    def test_a_path_that_duckdb_would_misread_is_refused(self) -> None:
        for path in ("a*b", "a[b", "day=1/bus", "a\\b"):
            self.assert_refused("BUS_ROOT_INVALID", path)


if __name__ == "__main__":
    unittest.main()
