"""A reader that queries repeatedly while others write. It reports what it sees, and how often it is
refused."""

import threading
import time

import duckdb
from deltalake import DeltaTable
from duckdb_extensions import import_extension
from program import contender


def prepare(task):
    for name in task.get("extensions", []):
        import_extension(name)
    answers, refusals, latencies = 0, 0, []
    stop = threading.Event()

    def ask_once():
        if "delta" in task:
            return DeltaTable(task["delta"]).to_pyarrow_dataset().count_rows()
        with duckdb.connect(task.get("database", ":memory:"), read_only="database" in task) as connection:
            for name in task.get("extensions", []):
                connection.execute(f"LOAD {name}")
            for statement in task.get("setup", []):
                connection.execute(statement)
            return connection.execute(task["sql"]).fetchone()

    def ask():
        nonlocal answers, refusals
        while not stop.is_set():
            started = time.perf_counter()
            try:
                ask_once()
                answers += 1
                latencies.append((time.perf_counter() - started) * 1000)
            except duckdb.Error:
                refusals += 1
            time.sleep(0.02)

    threading.Thread(target=ask, daemon=True).start()

    def run():
        stop.set()
        return {"answers": answers, "refusals": refusals, "latenciesMs": latencies}

    return run


contender(prepare)
