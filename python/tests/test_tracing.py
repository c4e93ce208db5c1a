import os
import unittest
from unittest import mock

from quantbot_bus._tracing import current_trace

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"


class CurrentTrace(unittest.TestCase):
    def test_it_is_that_of_the_environment(self):
        with mock.patch.dict(os.environ, {"TRACEPARENT": TRACEPARENT, "TRACESTATE": "a=b"}):
            self.assertEqual(current_trace(), {"traceparent": TRACEPARENT, "tracestate": "a=b"})

    def test_what_is_no_trace_is_none(self):
        for text in ("", "x", TRACEPARENT + "\n", TRACEPARENT.upper()):
            with self.subTest(text), mock.patch.dict(os.environ, {"TRACEPARENT": text}):
                self.assertEqual(current_trace(), {})


if __name__ == "__main__":
    unittest.main()
