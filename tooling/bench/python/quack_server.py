"""DuckDB's own server: one process that has the database open, and takes SQL from others."""

import duckdb
from duckdb_extensions import import_extension
from program import contender


def prepare(task):
    for name in ("httpfs", "quack"):
        import_extension(name)
    connection = duckdb.connect(task["database"])
    connection.execute("LOAD httpfs")
    connection.execute("LOAD quack")
    connection.execute("CREATE TABLE ticks (ts BIGINT, open DOUBLE, high DOUBLE, low DOUBLE)")
    connection.execute(f"CALL quack_serve('quack:localhost:{task['port']}', token = 'bench')")
    return lambda: {"open": connection is not None}  # it serves as long as the connection is open


contender(prepare)
