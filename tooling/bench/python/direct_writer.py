"""A program that writes DuckDB itself: opens the file, trying again while another has it, inserts, closes; for each of its files."""

import random
import time

import duckdb
from program import contender, timed


def prepare(task):
    latencies = []
    refusals = 0

    def insert_one(path):
        nonlocal refusals
        attempt = 0
        while True:
            try:
                with duckdb.connect(task["database"]) as connection:
                    connection.execute("INSERT INTO ticks SELECT * FROM read_parquet(?)", [path])
                return
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise
                refusals += 1
                time.sleep(random.random() * min(0.05, 0.001 * 2**attempt))  # exponential, with jitter
                attempt += 1

    def run():
        for path in task["files"]:
            timed(latencies, lambda path=path: insert_one(path))
        return {"refusals": refusals, "latenciesMs": latencies}

    return run


contender(prepare)
