"""Prints the table. Needs no daemon."""

from quantbot_bus import Bus

with Bus() as bus:
    for row in bus.query("SELECT token, count(*) AS rows, max(price) AS high FROM canon.prices GROUP BY ALL").rows():
        print(row)
