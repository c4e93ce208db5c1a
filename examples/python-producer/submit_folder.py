"""Submits all Parquet files of a folder as one job. Run again, it is the same job."""

import argparse
import hashlib
import sys
from pathlib import Path

from quantbot_bus import Artifact, BusError, JobRejectedError, is_bus_unavailable, submit_artifacts

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--run-id", required=True)
parser.add_argument("--producer", default="example-python")
arguments = parser.parse_args()

files = sorted(arguments.folder.glob("*.parquet"))
if not files:
    sys.exit(f"There is no Parquet file in {arguments.folder}.")

content = hashlib.sha256()
for path in files:
    content.update(path.name.encode() + b"\0" + path.read_bytes())

try:
    submission = submit_artifacts(
        [Artifact(artifact_id=path.stem, parquet=path) for path in files],
        run_id=arguments.run_id,
        producer=arguments.producer,
        kind="results",
        job_id=f"{arguments.run_id}-{content.hexdigest()[:16]}",
        meta={"folder": str(arguments.folder)},
    )
    receipt = submission.settled()
except JobRejectedError as error:
    sys.exit(f"{error.code}: {error}\n{error.hint}")
except BusError as error:
    print(f"{error.code}: {error}\n{error.hint}", file=sys.stderr)
    sys.exit(75 if is_bus_unavailable(error) else 1)
print(f"{receipt.status}: {', '.join(path.stem for path in files)}")
