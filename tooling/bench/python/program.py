"""The Python side of the benchmark's programs: say `ready`, wait for a line, work, say the result
as one line of JSON."""

import json
import sys
import time

import duckdb


def contender(prepare):
    run = prepare(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(run()), flush=True)
    sys.stdin.readline()  # a server must live until the bench closes its input


def timed(latencies, work):
    started = time.perf_counter()
    result = work()
    latencies.append((time.perf_counter() - started) * 1000)
    return result


def keep_trying(work, refusal, pause, most=None):
    """Does work until it is not refused, and says how often it was. `pause(attempt)` is in
    seconds."""
    attempt = 0
    while True:
        try:
            return work(), attempt
        except refusal as error:
            attempt += 1
            if attempt == most:
                raise
            if refusal is duckdb.IOException and "lock" not in str(error).lower():
                raise
            time.sleep(pause(attempt))
