"""Parquet files of others that the packages of the environment carry for their own tests."""

import pathlib
import shutil
import sysconfig

MAX_BYTES = 200_000


def write(corpus, rng):
    del rng  # they are what they are
    packages = pathlib.Path(sysconfig.get_paths()["purelib"])
    for source in sorted(packages.rglob("*.parq*")):
        if source.is_file() and source.stat().st_size <= MAX_BYTES:
            corpus.write(source.stem, lambda path, source=source: shutil.copyfile(source, path) and str(source.relative_to(packages)))
