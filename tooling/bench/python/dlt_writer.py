"""A program that loads each of its files with dlt: one run of one pipeline after the other."""

import os

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

import dlt
import duckdb
import pyarrow.parquet as pq
from dlt.pipeline.exceptions import PipelineStepFailed
from program import contender, keep_trying, timed


def prepare(task):
    destination = (
        dlt.destinations.duckdb(task["database"])
        if "database" in task
        else dlt.destinations.filesystem(f"file://{task['folder']}")
    )
    pipeline = dlt.pipeline(
        pipeline_name="bench", pipelines_dir=task["state"], destination=destination, dataset_name="loaded"
    )

    def load(path):
        pipeline.run(pq.read_table(path), table_name="ticks", write_disposition="append")

    def load_one(path):
        # A package that met a reader's lock waits in the pipeline's folder, and is loaded first.
        if pipeline.has_pending_data:
            pipeline.run()
        else:
            load(path)

    def count():
        with duckdb.connect(task.get("database", ":memory:"), read_only="database" in task) as connection:
            return connection.execute(task["count"]).fetchone()[0]

    def pause(_attempt):
        return 0.02

    def run():
        latencies, refusals = [], 0
        for path in task["files"]:
            _, refused = timed(latencies, lambda: keep_trying(lambda: load_one(path), PipelineStepFailed, pause, most=201))
            refusals += refused
        rows = keep_trying(count, duckdb.IOException, pause)[0]
        assert rows == task["rows"], f"{rows} rows instead of {task['rows']}"
        return {"refusals": refusals, "latenciesMs": latencies}

    return run


contender(prepare)
