"""A program that writes DuckDB itself: opens the file, trying again while another has it, inserts,
closes; for each of its files."""

import random

import duckdb
from program import contender, keep_trying, timed


def prepare(task):
    def insert_one(path):
        with duckdb.connect(task["database"]) as connection:
            connection.execute("INSERT INTO ticks SELECT * FROM read_parquet(?)", [path])

    def pause(attempt):
        return random.random() * min(0.05, 0.001 * 2 ** (attempt - 1))  # exponential, with jitter

    def run():
        latencies, refusals = [], 0
        for path in task["files"]:
            _, refused = timed(latencies, lambda: keep_trying(lambda: insert_one(path), duckdb.IOException, pause))
            refusals += refused
        return {"refusals": refusals, "latenciesMs": latencies}

    return run


contender(prepare)
