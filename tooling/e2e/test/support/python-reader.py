"""Reads a bus with every call of the Python client, and prints the answers as JSON in the words of
TypeScript, so that they can be compared. The argument is the key of an artifact with lineage."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import os
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Callable

from quantbot_bus import ArtifactRecord, Bus, BusError, Column


def descriptors() -> dict[str, str]:
    """What this process has open. A parent with DuckDB leaves its own files open in it."""
    names = os.listdir("/proc/self/fd")
    return {name: os.readlink(f"/proc/self/fd/{name}") for name in names if os.path.lexists(f"/proc/self/fd/{name}")}


INHERITED = descriptors()


def open_databases() -> list[str]:
    own = [path for number, path in descriptors().items() if "alerts.duckdb" not in INHERITED.get(number, "")]
    return [path for path in own if "alerts.duckdb" in path]


def plain(value: Any) -> Any:
    """A record as JSON, with the names of TypeScript."""
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if not field.name.startswith("_")]
        fields = {name: getattr(value, name) for name in names}
        if isinstance(value, Column):  # what a column does not have is left out in TypeScript
            fields = {name: item for name, item in fields.items() if item is not None}
        return {camel({"source": "from", "target": "to"}.get(name, name)): plain(item) for name, item in fields.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value) if isinstance(value, Path) else value


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def code_of(call: Callable[[], Any]) -> str:
    try:
        call()
    except BusError as error:
        assert error.hint, error.code
        return error.code
    return "no error"


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["_seq"], row["n"] or 0))


def answers(bus: Bus, key: str) -> dict[str, Any]:
    middle = bus.artifacts()[1].committed_at
    with bus.as_of(2) as past, bus.as_of(middle - timedelta(milliseconds=1)) as at:
        return {
            "latest": bus.latest("reader", "numbers", "numbers"),
            "byAlias": bus.latest("reader", "numbers", alias="prod"),
            "none": bus.latest("reader", "nothing"),
            "artifacts": bus.artifacts(),
            "page": bus.artifacts(producer="reader", before_seq=3, limit=1),
            "rest": bus.artifacts(before_seq=3, before_ordinal=1),
            "byWords": bus.artifacts(text="READER meta.n=1"),
            "jobsByWords": bus.jobs(text="schema_mis"),
            "runsByWords": bus.runs(text="reader"),
            "since": bus.artifacts(since=middle),
            "until": bus.artifacts(until=middle),
            "runs": bus.runs(),
            "jobs": bus.jobs(),
            "rejected": bus.rejected(),
            "byCode": bus.jobs(reject_code="SCHEMA_MISMATCH", since=middle),
            "byTime": bus.jobs(until=middle),
            "job": bus.job("retried"),
            "aliases": bus.aliases(),
            "lineage": bus.lineage(key),
            "allLineage": bus.lineage(key, depth=math.inf),
            "inputs": bus.lineage(key, direction="inputs", depth=2),
            "sameContent": bus.same_content("r3/reader/numbers/numbers"),
            "rows": in_order(bus.table("numbers").rows()),
            "pastArtifacts": past.artifacts(),
            "pastRows": in_order(past.table("numbers").rows()),
            "pastRuns": past.runs(),
            "atArtifacts": at.artifacts(),
            "watched": [artifact.seq for _, artifact in zip(range(3), bus.watch(since=0, producer="reader"))],
        }


def check_pages(bus: Bus) -> None:
    """A page is a part of the whole list."""
    for ask in (bus.artifacts, bus.jobs, bus.runs):
        for given in ({}, {"text": "reader"}, {"text": "nothing"}, {"sort": "run"}, {"before_seq": 4}):
            whole = ask(**given)
            for limit in (0, 1, 2, 2000):
                assert ask(**given, limit=limit) == whole[:limit], (ask, given, limit)
            assert ask(**given, limit=2, offset=1) == whole[1:3], (ask, given)


def codes(bus: Bus) -> dict[str, str]:
    past = bus.as_of(1)
    closed = bus.as_of(1)
    closed.close()
    return {
        "sql": code_of(lambda: bus.query("SELEC").rows()),
        "table": code_of(lambda: bus.table("nothing").arrow()),
        "name": code_of(lambda: bus.table("a b")),
        "write": code_of(lambda: bus.query("CREATE TABLE canon.x AS SELECT 1").rows()),
        "upsert": code_of(lambda: past.table("newest").rows()),
        "seq": code_of(lambda: bus.as_of(-1)),
        "depth": code_of(lambda: bus.lineage("a/b/c/d", depth=0.5)),
        "limit": code_of(lambda: bus.runs(limit=-1)),
        "closed past": code_of(closed.runs),
        "missing": code_of(Bus("data/bus", duckdb_path="data/none.duckdb").runs),
        "store": code_of(Bus("s3://bucket/bus").runs),
    }


def check_frames(bus: Bus) -> None:
    result = bus.query("SELECT n, n IS NULL AS gap FROM canon.numbers WHERE _seq <= $last ORDER BY n", {"last": 2})
    expected = result.rows()
    assert [row["n"] for row in expected] == [2**53 + 1, 2**53 + 2, None], expected
    assert result.arrow().to_pylist() == expected
    assert result.pl().to_dicts() == expected
    assert str(result.df()["n"].dtype) == "Int64" and list(result.df()["n"])[:2] == [2**53 + 1, 2**53 + 2]
    assert str(result.df(dtype_backend="pyarrow")["n"].dtype) == "int64[pyarrow]"
    assert bus.table("canon.numbers").rel().filter("n IS NULL").aggregate("count(*)").fetchall() == [(1,)]


def check_threads_and_forks(bus: Bus) -> None:
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(len(bus.artifacts()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8 and len(set(seen)) == 1, seen
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if len(bus.artifacts()) == seen[0] else 2
            bus.close()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert len(bus.artifacts()) == seen[0]


def check_watching(bus: Bus) -> None:
    """A commit after the call is seen by a watch that began before it, also by an async one."""
    watched = bus.watch(kind="watched")
    bus.write({"n": [1]}, producer="other", kind="other")
    bus.write({"n": [1]}, producer="reader", kind="watched", run_id="w1")
    assert next(watched).run_id == "w1"

    async def first() -> ArtifactRecord:
        async for artifact in bus.watch_async(kind="watched", since=0):
            return artifact
        raise AssertionError("ended")

    assert asyncio.run(asyncio.wait_for(first(), 30)).run_id == "w1"
    stop = threading.Event()
    stop.set()
    assert list(bus.watch(since=0, stop=stop)) == []


def check_replacement(bus: Bus) -> None:
    """The daemon replaces the database when a table comes, and what is open goes on."""
    relation = bus.table("numbers").rel()
    before = (Path("data") / "alerts.duckdb").stat().st_ino
    bus.write({"n": [1]}, producer="reader", kind="fresh", table="fresh")
    assert (Path("data") / "alerts.duckdb").stat().st_ino != before
    assert bus.table("fresh").rows()[0]["n"] == 1
    assert relation.aggregate("count(*)").fetchall() == [(4,)]
    assert len(open_databases()) == 2, open_databases()
    del relation
    assert len(open_databases()) == 1, open_databases()
    bus.close()
    assert open_databases() == []
    assert code_of(bus.runs) == "CLOSED"


if __name__ == "__main__":
    with Bus("data/bus") as opened_bus:
        print(json.dumps({"answers": {name: plain(value) for name, value in answers(opened_bus, sys.argv[1]).items()}}))
        print(json.dumps(codes(opened_bus)))
        check_pages(opened_bus)
        check_frames(opened_bus)
        check_threads_and_forks(opened_bus)
        check_watching(opened_bus)
        check_replacement(opened_bus)
        print("all held")
