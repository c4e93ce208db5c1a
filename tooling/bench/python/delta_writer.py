"""A producer of a Delta table: one append (a transaction of its own) for each of its files."""

import random

import pyarrow.parquet as pq
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError
from program import contender, keep_trying, timed


def prepare(task):
    def append_one(path):
        write_deltalake(task["table"], pq.read_table(path), mode="append")

    def pause(_attempt):
        return random.random() * 0.02

    def run():
        latencies, refusals = [], 0
        for path in task["files"]:
            _, refused = timed(latencies, lambda: keep_trying(lambda: append_one(path), CommitFailedError, pause, most=201))
            refusals += refused
        return {"refusals": refusals, "latenciesMs": latencies}

    return run


contender(prepare)
