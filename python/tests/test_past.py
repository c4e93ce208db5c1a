from __future__ import annotations

import unittest

from quantbot_bus._past import _before

RENAMES = [
    {"type": "table_rename", "table": "trades", "to": "trades_old"},
    {"type": "table_rename", "table": "trades_v2", "to": "trades"},
]


class PastNamesTest(unittest.TestCase):
    def test_a_table_has_the_name_that_it_had(self) -> None:
        self.assertEqual(_before(RENAMES, "trades"), ("trades_v2", False))
        self.assertEqual(_before(RENAMES, "trades_old"), ("trades", False))
        self.assertEqual(_before(RENAMES, "fills"), ("fills", False))
        self.assertEqual(_before(RENAMES[:1], "trades"), ("trades", False))

    def test_an_operation_counts_for_the_table_that_had_its_name_then(self) -> None:
        drop = {"type": "table_drop", "table": "trades"}
        self.assertEqual(_before([drop, *RENAMES], "trades_old"), ("trades", True))
        self.assertEqual(_before([drop, *RENAMES], "trades"), ("trades_v2", False))
        self.assertEqual(_before([*RENAMES, drop], "trades"), ("trades_v2", True))
        self.assertEqual(_before([*RENAMES, drop], "trades_old"), ("trades", False))


if __name__ == "__main__":
    unittest.main()
