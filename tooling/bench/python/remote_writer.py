"""A producer of DuckDB's server or of DuckLake: one connection, one INSERT (a transaction of its own) for each of its files."""

import random
import time

import duckdb
from duckdb_extensions import import_extension
from program import contender, timed


def prepare(task):
    for name in task["extensions"]:
        import_extension(name)
    connection = duckdb.connect()
    for name in task["extensions"]:
        connection.execute(f"LOAD {name}")
    for statement in task["setup"]:
        connection.execute(statement)
    latencies = []
    retries = 0

    def insert_one(path):
        nonlocal retries
        attempt = 0
        while True:
            try:
                connection.execute(f"INSERT INTO {task['table']} SELECT * FROM read_parquet('{path}')")
                return
            except duckdb.Error as error:
                retries += 1
                attempt += 1
                if attempt > 200:
                    raise
                time.sleep(random.random() * 0.02)

    def run():
        for path in task["files"]:
            timed(latencies, lambda path=path: insert_one(path))
        return {"refusals": retries, "latenciesMs": latencies}

    return run


contender(prepare)
