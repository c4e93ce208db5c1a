"""Opens a database read-only and keeps it open; answers each line of standard input (SQL as JSON)
with a line of JSON."""

import json
import sys

import duckdb

connection = duckdb.connect(sys.argv[1], read_only=True, config={"threads": 1})
print("open", flush=True)
for line in sys.stdin:
    try:
        result = connection.execute(json.loads(line))
        names = [column[0] for column in result.description]
        rows = [{name: str(value) for name, value in zip(names, row)} for row in result.fetchall()]
        print(json.dumps({"rows": rows}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
