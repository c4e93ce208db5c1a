"""The Python side of the benchmark's programs: say `ready`, wait for a line, work, say the result as one line of JSON."""

import json
import sys
import time


def contender(prepare):
    run = prepare(json.loads(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(run()), flush=True)
    sys.stdin.readline()  # stays until it is told to go, so that a server lives as long as it is needed


def timed(latencies, work):
    started = time.perf_counter()
    result = work()
    latencies.append((time.perf_counter() - started) * 1000)
    return result
