"""The Write-Once Artifact Bus from Python: submit Parquet files and data frames, and ask for
operations. The core uses only the standard library."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._errors import BusError, JobRejectedError, is_bus_unavailable
from ._manifest import Artifact
from ._schema_hint import SchemaHintWarning
from ._settle import ForgetOutcome, Receipt, ReceiptArtifact
from ._small_parquet import write_small_parquet
from ._submit import Submission, SubmittedArtifact, submit_artifact, submit_artifacts

if TYPE_CHECKING:
    from ._bus import Bus
    from ._catalog import Catalog, Past
    from ._operations import (
        dismiss_jobs,
        drop_table,
        forget_artifacts,
        keep_artifacts,
        rename_table,
        restore_table,
        retype_column,
        set_alias,
        set_table_mode,
    )
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
    "dismiss_jobs",
    "drop_table",
    "forget_artifacts",
    "is_bus_unavailable",
    "keep_artifacts",
    "rename_table",
    "restore_table",
    "retype_column",
    "set_alias",
    "set_table_mode",
    "submit_artifact",
    "submit_artifacts",
    "write_small_parquet",
]
__version__ = "0.1.0"

_LOADED_ON_USE = {
    "_bus": ["Bus"],
    "_catalog": ["Catalog", "Past"],
    "_operations": [
        "dismiss_jobs",
        "drop_table",
        "forget_artifacts",
        "keep_artifacts",
        "rename_table",
        "restore_table",
        "retype_column",
        "set_alias",
        "set_table_mode",
    ],
    "_records": [
        "AliasRecord",
        "ArtifactRecord",
        "Column",
        "JobRecord",
        "Lineage",
        "LineageEdge",
        "Records",
        "RunRecord",
    ],
    "_results": ["Result"],
}
"""What a program that only submits does not need. It would double the time that its start takes."""
_MODULES = {name: module for module, names in _LOADED_ON_USE.items() for name in names}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # or a type checker would take any name

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
