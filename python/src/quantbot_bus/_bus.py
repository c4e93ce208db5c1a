"""The bus as one object."""

from __future__ import annotations

from ._operating import Operating
from ._producing import Producing


class Bus(Producing, Operating):
    """A bus, by the folder, the URL of a daemon's server, or the object store that it is in.

    ``root`` is found like that of ``submit_artifact``, ``config`` is the path of a
    ``bus_config.json``. Threads may share an object, and so may a process and its forks.

    >>> with Bus("data/bus") as bus:  # doctest: +SKIP
    ...     receipt = bus.write(frame, producer="baseline", kind="alerts_std", table="alerts_std")

    Raises BusError BUS_ROOT_INVALID, CONFIG_INVALID, CONFIG_NOT_FOUND.
    """
