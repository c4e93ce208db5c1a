"""Submits two prices. Needs the daemon: `npm run bus`."""

from datetime import datetime, timezone

from prices import submit_prices
from quantbot_bus import Bus

with Bus() as bus:
    rows = [
        (datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc), "SPX", 4500.25),
        (datetime(2026, 1, 31, 12, 1, tzinfo=timezone.utc), "SPX", 4501.0),
    ]
    receipt = submit_prices(bus, "first-run", rows)
    print(f"{receipt.status} as seq {receipt.seq}")
