"""Reads a bus on many machines with the Python client. The arguments are the root of the bus, its
bus_config.json, and the keys of an artifact and of one made from it."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Callable

from quantbot_bus import Bus, BusError

ROOT, CONFIG, KEY, MADE = sys.argv[1:]


def code_of(call: Callable[[], Any]) -> str:
    try:
        call()
    except BusError as error:
        assert error.hint and "s3cr3t" not in str(error), error
        return error.code
    return "no error"


def check_records(bus: Bus) -> None:
    latest = bus.latest("p", "k", "a")
    assert latest is not None and latest.key == MADE and latest.inputs == (KEY,), latest
    assert [artifact.seq for artifact in bus.artifacts()] == [2, 1]
    assert [run.run_id for run in bus.runs(text="run-1")] == ["run-1"]
    assert [job.status for job in bus.jobs()] == ["ingested", "ingested"]
    assert bus.lineage(KEY).outputs == (MADE,)
    watched = [artifact.seq for _, artifact in zip(range(2), bus.watch(since=0))]
    assert watched == [1, 2], watched


def check_rows(bus: Bus) -> None:
    artifact = bus.artifacts(key=KEY)[0]
    big = [9007199254740993, 9007199254740994]
    assert artifact.arrow()["id"].to_pylist() == big
    assert artifact.df()["id"].tolist() == big and artifact.pl()["id"].to_list() == big
    assert artifact.rel().filter("id = 9007199254740993").fetchall() == [(big[0], "a")]
    table = bus.table("names")
    assert sorted(row["id"] for row in table.rows()) == [1, *big], table.rows()
    assert len(table.arrow()) == len(table.df()) == len(table.pl()) == 3
    assert table.rel().filter("name = 'c'").aggregate("count(*)").fetchall() == [(1,)]
    assert bus.query("SELECT count(*) AS n FROM canon.names WHERE name < $limit", {"limit": "c"}).rows() == [{"n": 2}]


def check_past(bus: Bus) -> None:
    with bus.as_of(1) as past, bus.as_of(bus.artifacts()[0].committed_at) as now:
        assert [artifact.key for artifact in past.artifacts()] == [KEY]
        assert len(past.table("names").rows()) == 2 and len(now.table("names").rows()) == 3
        assert past.runs()[0].last_seq == 1


def check_processes(bus: Bus) -> None:
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(len(bus.artifacts()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2] * 4, seen
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if len(bus.table("names").rows()) == 3 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert len(bus.artifacts()) == 2


def check_codes(bus: Bus) -> None:
    assert code_of(lambda: bus.query("SELEC").rows()) == "QUERY_FAILED"
    assert code_of(lambda: bus.query("CREATE TABLE canon.x AS SELECT 1").rows()) != "no error"
    bus.close()
    assert code_of(bus.runs) == "CLOSED"
    assert len(Bus(ROOT).artifacts()) == 2  # of the folder that this runs in
    os.chdir("/")
    assert code_of(Bus(ROOT).runs) == "LAKE_UNKNOWN"
    os.environ["QUANTBOT_BUS_CONFIG"] = CONFIG
    assert len(Bus().artifacts()) == len(Bus(ROOT).artifacts()) == 2


if __name__ == "__main__":
    with Bus(ROOT, config=CONFIG) as opened:
        for check in (check_records, check_rows, check_past, check_processes, check_codes):
            check(opened)
    print("all held")
