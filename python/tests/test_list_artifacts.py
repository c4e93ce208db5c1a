import unittest
from types import SimpleNamespace
from typing import Any, Optional
from unittest import mock

from quantbot_bus._list_artifacts import latest_artifact


class Asked(Exception):
    """The whole list was asked for."""


def ask(sql: str, given: Any) -> Any:
    raise Asked(sql)


class LatestTest(unittest.TestCase):
    def latest(self, there: int, gone: int) -> Optional[int]:
        """The seq of the latest one, of ``there`` artifacts and ``gone`` newer ones, which were
        forgotten."""
        seqs = range(there + gone, 0, -1)
        artifacts = [SimpleNamespace(seq=seq, forgotten_at="now" if seq > there else None) for seq in seqs]
        page = mock.patch("quantbot_bus._list_artifacts.list_artifacts", lambda *_, limit: artifacts[:limit])
        with page:
            found = latest_artifact(ask, "p", "k", None, None)
        return None if found is None else found.seq

    def test_the_newest_that_is_not_forgotten_is_found_without_the_whole_list(self) -> None:
        self.assertEqual(self.latest(2, 0), 2)
        self.assertEqual(self.latest(2, 1), 2)
        self.assertEqual(self.latest(1, 99), 1)
        self.assertIsNone(self.latest(0, 99))

    def test_if_hundreds_were_forgotten_the_whole_list_is_asked_for(self) -> None:
        with self.assertRaisesRegex(Asked, "forgotten_at IS NULL"):
            self.latest(1, 100)


if __name__ == "__main__":
    unittest.main()
