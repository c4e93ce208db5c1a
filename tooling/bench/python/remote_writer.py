"""A producer of DuckDB's server or of DuckLake: one connection, one INSERT (a transaction of its
own) for each of its files."""

import random

import duckdb
from duckdb_extensions import import_extension
from program import contender, keep_trying, timed


def prepare(task):
    for name in task["extensions"]:
        import_extension(name)
    connection = duckdb.connect()
    for name in task["extensions"]:
        connection.execute(f"LOAD {name}")
    for statement in task["setup"]:
        connection.execute(statement)

    def insert_one(path):
        connection.execute(f"INSERT INTO {task['table']} SELECT * FROM read_parquet('{path}')")

    def pause(_attempt):
        return random.random() * 0.02

    def run():
        latencies, refusals = [], 0
        for path in task["files"]:
            _, refused = timed(latencies, lambda: keep_trying(lambda: insert_one(path), duckdb.Error, pause, most=201))
            refusals += refused
        return {"refusals": refusals, "latenciesMs": latencies}

    return run


contender(prepare)
