"""``python -m quantbot_bus``: the same as ``quantbot-bus-submit``."""

from ._cli import run

run()
