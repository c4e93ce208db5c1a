"""Reads a bus on this machine and over HTTP, and compares the answers. The arguments are the URL of
the server, a token to read, and the key of an artifact with lineage."""

from __future__ import annotations

import gc
import glob
import os
import runpy
import sys
import tempfile
import threading
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from quantbot_bus import Bus

reader = runpy.run_path(str(Path(__file__).with_name("python-reader.py")))
code_of = reader["code_of"]
URL, TOKEN, KEY = sys.argv[1:]


def bits(table: pa.Table) -> list[str]:
    """The values as text, because -0.0 equals 0.0 and NaN does not equal itself."""
    return [repr(row) for row in table.to_pylist()]


def same(one: Any, other: Any) -> None:
    assert one.schema.equals(other.schema), (one.schema, other.schema)
    assert bits(one) == bits(other) and one.num_rows > 0, (one, other)


def check_values(local: Bus, served: Bus) -> None:
    """Tables, queries and artifacts have the same values and types in each form."""
    asked = "SELECT * EXCLUDE (_artifact_key) FROM canon.exact ORDER BY id"
    for here, there in (
        (local.table("exact"), served.table("canon.exact")),
        (local.query(asked), served.query(f"{asked}; ")),
        (local.query(f"{asked} -- a comment"), served.query(f"{asked} -- a comment")),
        (local.latest("tests", "exact"), served.latest("tests", "exact")),
    ):
        assert here is not None and there is not None
        same(here.arrow(), there.arrow())
        same(here.rel().to_arrow_table(), there.rel().to_arrow_table())
        assert here.pl().equals(there.pl(), null_equal=True) or repr(here.pl()) == repr(there.pl())
        assert here.df().dtypes.equals(there.df().dtypes) and repr(here.df()) == repr(there.df())
        same(pa.Table.from_pandas(here.df(dtype_backend="pyarrow")), pa.Table.from_pandas(there.df(dtype_backend="pyarrow")))
    empty = "SELECT * FROM canon.exact WHERE id < 0"
    assert served.query(empty).arrow().schema.equals(local.query(empty).arrow().schema)
    assert served.query(empty).rows() == []
    assert served.query("SELECT NULL AS a, 1 AS \"b \"\" c\"").rows() == [{"a": None, 'b " c': 1}]
    assert served.table("exact").rel().filter("id = 1").aggregate("count(*)").fetchall() == [(1,)]


def check_large_answers(local: Bus, served: Bus) -> None:
    """Answers of any length have the values of short ones, and their files end with them."""
    asked = "SELECT i, e.* FROM range(?) r(i), (SELECT * EXCLUDE (_artifact_key) FROM canon.exact) e ORDER BY i, e.id"
    here, there = (bus.query(asked, [50_001]) for bus in (local, served))
    one, other = here.arrow(), there.arrow()
    assert one.num_rows == 150_003 and one.schema.equals(other.schema), (one.schema, other.schema)
    assert repr(one.slice(150_000).to_pylist()) == repr(other.slice(150_000).to_pylist())
    filtered = there.rel().filter("i = 7 AND id = 1").project("i, big, nested")
    gc.collect()
    assert filtered.fetchall() == here.rel().filter("i = 7 AND id = 1").project("i, big, nested").fetchall()
    assert len(served.query("SELECT repeat('x', 5000000) AS x").rows()[0]["x"]) == 5_000_000
    twice = "SELECT 1 AS a, i AS b, INTERVAL (i) DAY AS v, 3::HUGEINT AS h FROM range(100001) t(i)"
    same(local.query(twice).arrow().slice(100_000), served.query(twice).arrow().slice(100_000))
    del filtered
    gc.collect()
    assert glob.glob(os.path.join(tempfile.gettempdir(), "quantbot-bus-*", "answer.parquet")) == []


def check_parameters(local: Bus, served: Bus) -> None:
    at = datetime(2026, 2, 3, 4, 5, 6, 7000, timezone.utc)
    sql = "SELECT ?::BIGINT AS i, ?::VARCHAR AS s, ?::TIMESTAMP AS t, ?::DECIMAL(9,2) AS d, ?::BLOB AS b, ?::BIGINT[] AS l, ?::DOUBLE AS f"
    values = [2**62 + 1, "'; --", at.replace(tzinfo=None, microsecond=7), Decimal("1.25"), b"\x00\xff", [2**60, None], -0.0]
    assert repr(served.query(sql, values).rows()) == repr(local.query(sql, values).rows())
    named = "SELECT count(*) AS n FROM catalog.artifacts_f WHERE committed_at < $at AND kind = $kind"
    assert served.query(named, {"at": datetime(2100, 1, 1), "kind": "exact"}).rows() == [{"n": 1}]
    assert code_of(lambda: served.query("SELECT ?", [object()]).rows()) == "OPTIONS_INVALID"


def check_records(local: Bus, served: Bus) -> None:
    here, there = reader["answers"](local, KEY), reader["answers"](served, KEY)
    for name, answer in here.items():
        assert answer == there[name], (name, answer, there[name])
    latest = there["latest"]
    assert latest.df()["n"].tolist() == here["latest"].df()["n"].tolist()
    assert "_server" not in repr(latest) and "_server" not in latest._repr_html_()
    with served.as_of(4) as past, past.as_of(1) as earlier:
        assert past.table("newest").rows()[0]["n"] == 5  # on this machine it is refused
        assert [artifact.seq for artifact in earlier.artifacts()] == [1]
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(len(served.artifacts()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [len(local.artifacts())] * 4, seen


def check_codes(served: Bus) -> None:
    assert code_of(lambda: served.query("SELEC").rows()) == "QUERY_FAILED"
    assert code_of(lambda: served.table("nothing").arrow()) == "QUERY_FAILED"
    assert code_of(lambda: served.query("CREATE TABLE canon.x AS SELECT 1").rows()) in ("QUERY_FAILED", "NOT_ONE_SELECT")
    assert code_of(lambda: served.query("SELECT 1; SELECT 2").rows()) == "QUERY_FAILED"
    assert code_of(lambda: served.query("FROM read_text('/etc/passwd')").rows()) == "QUERY_FAILED"
    latest = served.latest("reader", "numbers", alias="prod")
    assert latest is not None
    os.environ["QUANTBOT_BUS_TOKEN"] = "none"
    assert code_of(served.runs) == code_of(latest.arrow) == "BUS_DENIED"
    served.close()
    assert code_of(served.runs) == "CLOSED"


if __name__ == "__main__":
    os.environ["QUANTBOT_BUS_TOKEN"] = TOKEN
    with Bus("data/bus") as local_bus, Bus(URL) as served_bus:
        check_values(local_bus, served_bus)
        check_large_answers(local_bus, served_bus)
        check_parameters(local_bus, served_bus)
        check_records(local_bus, served_bus)
        check_codes(served_bus)
        print("all held")
