"""What a terminal may be given of text that producers, files or a daemon wrote."""

from __future__ import annotations

import re

# Characters that steer a terminal, turn the direction of what follows, or are not seen at all.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)


def visible_lines(text: object) -> str:
    """The text with each hidden character as ``\\u{202e}``. Line feeds and tabs stay."""
    return _HIDDEN.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", str(text))
