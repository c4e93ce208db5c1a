"""Submits Parquet files to the Write-Once Artifact Bus, and keeps and forgets artifacts. It uses
only the standard library."""

from ._errors import BusError, JobRejectedError, is_bus_unavailable
from ._manifest import Artifact
from ._operations import forget_artifacts, keep_artifacts
from ._schema_hint import SchemaHintWarning
from ._settle import ForgetOutcome, Receipt, ReceiptArtifact
from ._small_parquet import write_small_parquet
from ._submit import Submission, SubmittedArtifact, submit_artifact, submit_artifacts

__all__ = [
    "Artifact",
    "BusError",
    "ForgetOutcome",
    "JobRejectedError",
    "Receipt",
    "ReceiptArtifact",
    "SchemaHintWarning",
    "Submission",
    "SubmittedArtifact",
    "forget_artifacts",
    "is_bus_unavailable",
    "keep_artifacts",
    "submit_artifact",
    "submit_artifacts",
    "write_small_parquet",
]
__version__ = "0.1.0"
