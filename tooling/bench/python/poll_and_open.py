"""The daemon as people write it by hand: one job at a time, it opens DuckDB, inserts, exports everything anew, and closes."""

import os
import shutil
import time

import duckdb
from program import contender


def prepare(task):
    inbox, done, database, export = task["inbox"], task["done"], task["database"], task["export"]
    os.makedirs(done, exist_ok=True)

    refusals = 0

    def open_for_writing():
        """A reader that has the file open keeps the writer out, too."""
        nonlocal refusals
        while True:
            try:
                return duckdb.connect(database)
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise
                refusals += 1
                time.sleep(0.005)

    def run():
        jobs = 0
        while names := sorted(name for name in os.listdir(inbox) if name.endswith(".parquet")):
            for name in names:
                path = os.path.join(inbox, name)
                with open_for_writing() as connection:
                    connection.execute(
                        "CREATE TABLE IF NOT EXISTS ticks AS SELECT * FROM read_parquet(?) LIMIT 0", [path]
                    )
                    connection.execute("INSERT INTO ticks SELECT * FROM read_parquet(?)", [path])
                    connection.execute(f"COPY ticks TO '{export}.tmp' (FORMAT parquet)")
                    os.replace(f"{export}.tmp", export)
                shutil.move(path, os.path.join(done, name))
                jobs += 1
        return {"jobs": jobs, "refusals": refusals, "latenciesMs": []}

    return run


contender(prepare)
