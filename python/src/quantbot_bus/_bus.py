"""The bus as one object."""

from __future__ import annotations

from ._operating import Operating
from ._producing import Producing
from ._reading import Reading


class Bus(Producing, Operating, Reading):
    """A bus, by the folder, the URL of a daemon's server, or the object store that it is in.

    ``root`` is found like that of ``submit_artifact``, ``config`` is the path of a
    ``bus_config.json``, and ``duckdb_path`` that of the published database, which is otherwise that
    of the configuration, or ``alerts.duckdb`` beside the folder. Threads may share an object, and
    so may a process and its forks. Reading needs DuckDB; in an object store, also
    the ``bus_config.json`` of the cluster.

    >>> with Bus("data/bus") as bus:  # doctest: +SKIP
    ...     receipt = bus.write(frame, producer="baseline", kind="alerts_std", table="alerts_std")
    ...     frame = bus.latest("baseline", "alerts_std").df()

    Raises BusError BUS_ROOT_INVALID, CONFIG_INVALID, CONFIG_NOT_FOUND.
    """
