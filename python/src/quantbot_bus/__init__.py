"""The Write-Once Artifact Bus from Python: submit Parquet files and data frames, and ask for
operations. The core uses only the standard library."""

from ._bus import Bus
from ._catalog import Catalog, Past
from ._errors import BusError, JobRejectedError, is_bus_unavailable
from ._manifest import Artifact
from ._operations import drop_table, forget_artifacts, keep_artifacts, restore_table, set_alias
from ._records import (
    AliasRecord,
    ArtifactRecord,
    Column,
    JobRecord,
    Lineage,
    LineageEdge,
    Records,
    RunRecord,
)
from ._results import Result
from ._schema_hint import SchemaHintWarning
from ._settle import ForgetOutcome, Receipt, ReceiptArtifact
from ._small_parquet import write_small_parquet
from ._submit import Submission, SubmittedArtifact, submit_artifact, submit_artifacts

__all__ = [
    "AliasRecord",
    "Artifact",
    "ArtifactRecord",
    "Bus",
    "BusError",
    "Catalog",
    "Column",
    "ForgetOutcome",
    "JobRecord",
    "JobRejectedError",
    "Lineage",
    "LineageEdge",
    "Past",
    "Receipt",
    "ReceiptArtifact",
    "Records",
    "Result",
    "RunRecord",
    "SchemaHintWarning",
    "Submission",
    "SubmittedArtifact",
    "drop_table",
    "forget_artifacts",
    "is_bus_unavailable",
    "keep_artifacts",
    "restore_table",
    "set_alias",
    "submit_artifact",
    "submit_artifacts",
    "write_small_parquet",
]
__version__ = "0.1.0"
