"""Submits a trader's journal to the bus: CSV becomes Parquet becomes an artifact. Standard library
only."""

import csv
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from quantbot_bus import BusError, submit_artifact, write_small_parquet


def main(journal: str) -> str:
    with open(journal, newline="") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as folder:
        # 1. Write Parquet anywhere. pandas, Polars and DuckDB do this in one call; this writer
        #    needs none of them.
        path = Path(folder, "trades.parquet")
        write_small_parquet(
            path,
            {
                "ts": [datetime.fromisoformat(row["ts"]) for row in rows],
                "token": [row["token"] for row in rows],
                "side": [row["side"] for row in rows],
                "price": [float(row["price"]) for row in rows],
                "size": [float(row["size"]) for row in rows],
                "note": [row["note"] for row in rows],
            },
        )
        # 2. Submit it. Once this returns, the job survives a crash of any process. The daemon
        #    need not be running.
        submission = submit_artifact(
            run_id="example-2026-01-30",
            producer="example-desk",
            kind="trades",
            artifact_id="journal",
            parquet=path,
            schema_hint="canon.example_trades",
            inputs=["example-2026-01-30/example-market/candles/hourly"],  # what the trader was looking at
            meta={"source": Path(journal).name},
        )
    # 3. Wait for the daemon only if you need the outcome.
    receipt = submission.settled(timeout_s=30)
    return f"{receipt.status}: {receipt.artifacts[0].rows} trades, as {submission.artifacts[0].key}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Which journal? python3 examples/python-producer/producer.py JOURNAL.csv")
    try:
        print(main(sys.argv[1]))
    except BusError as error:
        sys.exit(f"{error.code}: {error} {error.hint}")
