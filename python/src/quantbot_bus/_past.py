"""The published views as they were after a job."""

from __future__ import annotations

import itertools
import json
from typing import Any

from ._database import PUBLISHED, Database

_numbers = itertools.count(1)


def open_past(database: Database, seq: int) -> Database:
    """Returns a database whose journal ends after a job. It keeps the published one open, and so
    its files.

    Raises BusError as :meth:`Database.reading`.
    """
    past = database.pinned(f"_past_{next(_numbers)}", seq)
    try:
        with past.reading(PUBLISHED) as connection:
            connection.execute(f"ATTACH ':memory:' AS {past.catalog}")
            _make_past(connection, past.catalog, past.last_seq)
    except BaseException:
        past.close()
        raise
    return past


def _make_past(connection: Any, past: str, seq: int) -> None:
    for schema in ("_bus", "catalog", "canon"):
        connection.execute(f"CREATE SCHEMA {past}.{schema}")
    # DuckLake returns the statements of views without their schema.
    connection.execute(f"USE {past}.catalog")
    connection.execute(f"CREATE VIEW _bus.journal AS SELECT * FROM {PUBLISHED}._bus.journal WHERE seq <= {seq}")
    # What is forgotten today is not there for a reader of the past either.
    if _is_published(connection, "forgotten"):
        connection.execute(
            f"CREATE VIEW _bus.forgotten AS SELECT f.* FROM {PUBLISHED}._bus.forgotten f SEMI JOIN _bus.journal j "
            "ON j.artifact_key = f.artifact_key AND j.status = 'ingested'"
        )
    # The files are where they are today.
    if _is_published(connection, "places"):
        connection.execute(f"CREATE VIEW _bus.places AS FROM {PUBLISHED}._bus.places")
    views = connection.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = ? AND schema_name = 'catalog'", [PUBLISHED]
    ).fetchall()
    _create_all(connection, [sql for (sql,) in views])
    connection.execute(f"USE {past}")
    operations = _later_operations(connection, seq)
    back = _back_since(connection, seq)
    if operations:
        for view in ("tables_d", "columns_d"):
            connection.execute(f"CREATE OR REPLACE VIEW catalog.{view} AS {_refusal(f'catalog.{view}', seq)}")
    for now, mode in connection.execute(f"SELECT table_name, mode FROM {PUBLISHED}.catalog.tables_d").fetchall():
        today = f'{PUBLISHED}.canon."{now}"'
        name, has_changed = _before(operations, now)
        is_known = mode == "append" and not has_changed
        shown = f"SELECT * FROM {today} WHERE _seq <= {seq}{back}" if is_known else _refusal(f"canon.{name}", seq)
        connection.execute(f'CREATE VIEW canon."{name}" AS {shown}')
    for index, operation in enumerate(operations):
        if operation["type"] == "table_rename":
            continue
        name, _ = _before(operations[:index], operation["table"])  # it may have no view today
        connection.execute(f'CREATE OR REPLACE VIEW canon."{name}" AS {_refusal(f"canon.{name}", seq)}')


def _before(operations: list[dict[str, Any]], name: str) -> tuple[str, bool]:
    """The name that a table had before these operations, and whether one of them did more to it
    than rename it."""
    has_changed = False
    for operation in reversed(operations):
        if operation["type"] == "table_rename":
            name = operation["table"] if operation["to"] == name else name
        elif operation["table"] == name:
            has_changed = True
    return name, has_changed


def _is_published(connection: Any, view: str) -> bool:
    sql = "SELECT 1 FROM duckdb_views() WHERE database_name = ? AND schema_name = '_bus' AND view_name = ?"
    return bool(connection.execute(sql, [PUBLISHED, view]).fetchall())


def _create_all(connection: Any, statements: list[str]) -> None:
    """Creates views that read one another, in any order: one that fails is retried after the
    others."""
    left: list[str] = []
    for statement in statements:
        try:
            connection.execute(statement)
        except Exception:
            left.append(statement)
    if left and len(left) == len(statements):
        connection.execute(left[0])  # raises
    if left:
        _create_all(connection, left)


def _later_operations(connection: Any, seq: int) -> list[dict[str, Any]]:
    """The operations that have changed tables since."""
    sql = (
        f"SELECT op_json FROM {PUBLISHED}._bus.journal "
        f"WHERE seq > {seq} AND status = 'done' AND json_extract_string(op_json, '$.type') LIKE 'table_%'"
    )
    return [json.loads(operation) for (operation,) in connection.execute(sql).fetchall()]


def _back_since(connection: Any, seq: int) -> str:
    """The end of a condition that leaves out artifacts whose rows had left by then, and came back
    later."""
    journal = f"{PUBLISHED}._bus.journal"
    sql = (
        f"SELECT artifact_key FROM {journal} WHERE status IN ('forgotten', 'erased', 'restored') AND artifact_key IN "
        f"(SELECT artifact_key FROM {journal} WHERE status = 'restored' AND seq > {seq}) "
        f"GROUP BY artifact_key HAVING arg_max(status, seq) FILTER (seq <= {seq}) = 'erased'"
    )
    # A key has no quotes.
    keys = ", ".join(f"'{key}'" for (key,) in connection.execute(sql).fetchall())
    return f" AND _artifact_key NOT IN ({keys})" if keys else ""


def _refusal(name: str, seq: int) -> str:
    """A SELECT that answers with an error that names the command which finds the rows."""
    sentence = f"{name} as of seq {seq} cannot be read from Python. Run: quantbot-bus query --as-of {seq}"
    return f"SELECT error('{sentence}') AS refused"
