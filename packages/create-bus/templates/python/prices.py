"""Submits rows of canon.prices."""

from __future__ import annotations

from datetime import datetime

from quantbot_bus import Bus, Receipt


def submit_prices(bus: Bus, run_id: str, rows: list[tuple[datetime, str, float]]) -> Receipt:
    """Submits prices as one artifact, and waits until they are in canon.prices.

    The same run with the same prices is a duplicate, which is a success. With other prices, it is
    rejected.
    """
    times, tokens, prices = zip(*rows)
    columns = {"ts": list(times), "token": list(tokens), "price": list(prices)}
    return bus.write(columns, producer="my-producer", kind="prices", run_id=run_id, table="prices")
