import unittest

from quantbot_bus._errors import BusError
from quantbot_bus._queries import page_of
from quantbot_bus._sorting import JOB_ORDER, order_by


class SortingTest(unittest.TestCase):
    def test_a_column_comes_before_the_newest(self) -> None:
        self.assertEqual(order_by(JOB_ORDER, "-rows", "seq DESC"), "ORDER BY rows DESC NULLS LAST, seq DESC")
        self.assertEqual(order_by(JOB_ORDER, "job", "seq DESC"), "ORDER BY job_id ASC NULLS LAST, seq DESC")
        self.assertEqual(order_by(JOB_ORDER, None, "seq DESC"), "ORDER BY seq DESC")

    def test_a_page_skips_those_before(self) -> None:
        self.assertEqual(page_of(25, 50), " LIMIT 25 OFFSET 50")

    def test_an_order_or_a_page_that_does_not_exist_is_refused(self) -> None:
        for call in (lambda: order_by(JOB_ORDER, "nothing", "seq"), lambda: page_of(1, -1)):
            with self.assertRaises(BusError) as caught:
                call()
            self.assertEqual(caught.exception.code, "OPTIONS_INVALID")


if __name__ == "__main__":
    unittest.main()
