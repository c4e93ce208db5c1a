"""The daemon as people write it by hand: one job at a time, it opens DuckDB, inserts, exports
all tables, and closes."""

import os
import shutil

import duckdb
from program import contender, keep_trying


def prepare(task):
    inbox, done, database, export = task["inbox"], task["done"], task["database"], task["export"]
    os.makedirs(done, exist_ok=True)

    def run():
        jobs, refusals = 0, 0
        while names := sorted(name for name in os.listdir(inbox) if name.endswith(".parquet")):
            for name in names:
                path = os.path.join(inbox, name)
                # A reader that has the file open keeps the writer out, too.
                connection, refused = keep_trying(
                    lambda: duckdb.connect(database), duckdb.IOException, lambda _attempt: 0.005
                )
                refusals += refused
                with connection:
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
