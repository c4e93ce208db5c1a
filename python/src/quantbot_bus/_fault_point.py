"""Named moments at which a test can kill the process: QUANTBOT_FAULT_POINT=<name>, the same names
as in TypeScript."""

import os
import signal

_ARMED = os.environ.get("QUANTBOT_FAULT_POINT")


def fault_point(name: str) -> None:
    """Kills the process with SIGKILL if the point is armed."""
    if _ARMED == name:
        os.kill(os.getpid(), signal.SIGKILL)
