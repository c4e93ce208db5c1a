"""Submits Parquet files to the Write-Once Artifact Bus. It uses only the standard library."""

from ._errors import BusError, JobRejectedError, is_bus_unavailable
from ._manifest import Artifact
from ._settle import Receipt, ReceiptArtifact
from ._small_parquet import write_small_parquet
from ._submit import Submission, SubmittedArtifact, submit_artifact, submit_artifacts

__all__ = [
    "Artifact",
    "BusError",
    "JobRejectedError",
    "Receipt",
    "ReceiptArtifact",
    "Submission",
    "SubmittedArtifact",
    "is_bus_unavailable",
    "submit_artifact",
    "submit_artifacts",
    "write_small_parquet",
]
__version__ = "0.1.0"
