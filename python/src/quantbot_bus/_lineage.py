"""Follows the lineage of an artifact."""

from __future__ import annotations

import math
from typing import Callable, Iterable, Optional

from ._errors import BusError
from ._records import ArtifactRecord, Lineage, LineageEdge, artifacts_in
from ._results import Result

Query = Callable[..., Result]
_Edge = tuple[str, str]


def lineage_of(query: Query, key: str, direction: str, depth: float) -> Lineage:
    """Returns the lineage of an artifact. Each edge is followed once, so circles end.

    Raises BusError OPTIONS_INVALID.
    """
    _check_options(direction, depth)
    edges = _edges_of(query, key if depth == 1 else None)
    up = [] if direction == "outputs" else _walk(edges, key, depth, near=1)
    down = [] if direction == "inputs" else _walk(edges, key, depth, near=0)
    inputs = tuple(dict.fromkeys(edge.source for edge in up))
    outputs = tuple(dict.fromkeys(edge.target for edge in down))
    return Lineage(inputs, outputs, _shortest([*up, *down]), _records_of(query, [key, *inputs, *outputs]))


def _check_options(direction: str, depth: float) -> None:
    details = []
    if direction not in ("inputs", "outputs", "both"):
        details.append("direction: must be 'inputs', 'outputs' or 'both'")
    if isinstance(depth, bool) or not (depth >= 1 and (depth == math.inf or depth == int(depth))):
        details.append("depth: must be a whole number of at least 1, or math.inf")
    if details:
        raise BusError("OPTIONS_INVALID", "The options of the lineage are not valid.", details=details)


def _edges_of(query: Query, only: Optional[str]) -> list[_Edge]:
    """The edges of one artifact, or all edges. A walk of many steps in SQL would read all edges at
    every step."""
    condition = "input_key IS NOT NULL" if only is None else "(artifact_key = $1 OR input_key = $1)"
    sql = f"SELECT DISTINCT input_key AS source, artifact_key AS target FROM catalog.lineage_v WHERE {condition}"
    rows = query(sql, None if only is None else [only]).rows()
    return [(row["source"], row["target"]) for row in rows]


def _walk(edges: Iterable[_Edge], key: str, depth: float, *, near: int) -> list[LineageEdge]:
    """The edges within reach of a key, level by level, each level in the order of the keys."""
    far = 1 - near
    at_key: dict[str, list[_Edge]] = {}
    for edge in edges:
        at_key.setdefault(edge[near], []).append(edge)
    reached = {key}
    taken: list[tuple[int, _Edge]] = []
    level = [key]
    step = 1
    while step <= depth and level:
        found = [edge for reached_key in level for edge in at_key.get(reached_key, ())]
        taken += [(step, edge) for edge in found]
        level = [other for other in dict.fromkeys(edge[far] for edge in found) if other not in reached]
        reached.update(level)
        step += 1
    taken.sort(key=lambda item: (item[0], item[1][far], item[1][near]))
    return [LineageEdge(source, target, at) for at, (source, target) in taken]


def _shortest(edges: list[LineageEdge]) -> tuple[LineageEdge, ...]:
    """Each edge once. In a circle, an edge can be reached in both directions."""
    kept: dict[_Edge, LineageEdge] = {}
    for edge in sorted(edges, key=lambda edge: (edge.depth, edge.source, edge.target)):
        kept.setdefault((edge.source, edge.target), edge)
    return tuple(kept.values())


def _records_of(query: Query, keys: list[str]) -> tuple[ArtifactRecord, ...]:
    sql = (
        "SELECT * FROM catalog.artifacts_f WHERE artifact_key IN (SELECT unnest($1)) ORDER BY seq DESC, ordinal DESC"
    )
    return tuple(artifacts_in(query(sql, [list(dict.fromkeys(keys))])))
