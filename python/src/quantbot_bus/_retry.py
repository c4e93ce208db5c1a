"""Puts a rejected job back into the inbox, as ``quantbot-bus retry`` does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ._bus_root import HTTP
from ._durable import sync
from ._errors import BusError
from ._settle import rejected_folder
from ._submit import Place

_AS_IT_CAME = "job"
"""The folder, beside the reason, of a job whose content was not a folder with a manifest."""


def retry_rejected(place: Place, job_id: str) -> None:
    """Puts a rejected job back into the inbox, unchanged.

    Raises BusError JOB_NOT_FOUND, JOB_ID_WAITING, FILE_DAMAGED, BUS_DENIED, SUBMIT_FAILED.
    """
    if isinstance(place, Path):
        _retry_in_folder(place, job_id)
    elif place.url.startswith(HTTP):
        from ._http_bus import HttpBus  # most programs never need it

        HttpBus(place.url).retry(job_id)
    else:
        from ._object_bus import ObjectBus

        ObjectBus(place).retry(job_id)


def _retry_in_folder(bus_root: Path, job_id: str) -> None:
    folder = rejected_folder(bus_root, job_id)
    if folder is None:
        raise BusError("JOB_NOT_FOUND", f"There is no rejected job {job_id}.")
    whole = folder / _AS_IT_CAME
    job = whole if os.path.lexists(whole) else folder
    if job is folder and not os.path.lexists(folder / "manifest.json"):
        raise BusError("JOB_NOT_FOUND", f"The files of the rejected job {job_id} are gone, so it cannot be retried.")
    target = bus_root / "inbox" / job_id
    if os.path.lexists(target):
        raise BusError("JOB_ID_WAITING", f"A job {job_id} is already waiting in the inbox.")
    try:
        if job is folder:
            (folder / "REJECT_REASON.json").unlink(missing_ok=True)
        job.rename(target)
        sync(target.parent)
    except OSError as error:
        raise BusError(
            "SUBMIT_FAILED",
            f"The job could not be moved: {error}.",
            hint="Run this as the user of the daemon.",
        ) from error
    if job is not folder:
        shutil.rmtree(folder, ignore_errors=True)
