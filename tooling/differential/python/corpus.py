"""Writes the corpus of the campaign, or the values of files as pyarrow reads them.

    corpus.py generate SEED FOLDER   writes files of every writer, and cases.json, which lists them
    corpus.py describe               writes PATH.values.json for each path on standard input
"""

import json
import os
import random
import sys
import traceback

import canonical


class Corpus:
    """A folder of files, and what is known of each."""

    def __init__(self, folder, writer):
        self.folder, self.writer, self.cases, self.skipped = folder, writer, [], []

    def write(self, name, write, refusable=None):
        """Calls a function that writes a file to a path. A failure adds no case."""
        file = f"{self.writer.split(' ')[0]}-{len(self.cases):03d}-{name}.parquet"
        path = os.path.join(self.folder, file)
        try:
            how = write(path)
        except Exception as error:  # a writer's own limits are not looked for here
            self.skipped.append(f"{self.writer}, {name}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
            if os.path.exists(path):
                os.remove(path)
            return
        self.cases.append({"file": file, "writer": self.writer, "how": how or "", "refusable": refusable or {}})


def generate(seed, folder):
    import duckdb_files
    import fastparquet_files
    import nanoarrow_files
    import pandas_files
    import polars_files
    import public_files
    import pyarrow_files

    cases, skipped = [], []
    for name, module in {
        "pyarrow": pyarrow_files,
        "pandas": pandas_files,
        "polars": polars_files,
        "duckdb": duckdb_files,
        "fastparquet": fastparquet_files,
        "nanoarrow": nanoarrow_files,
        "public": public_files,
    }.items():
        corpus = Corpus(folder, name)
        module.write(corpus, random.Random(f"{seed} {name}"))
        cases += corpus.cases
        skipped += corpus.skipped
    with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as out:
        json.dump({"cases": cases, "skipped": skipped}, out)


def describe():
    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            found = {"columns": canonical.read(path)}
        except Exception as error:  # said in the answer, file by file
            found = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
        with open(f"{path}.values.json", "w", encoding="utf-8") as out:
            json.dump(found, out)


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate(sys.argv[2], sys.argv[3])
    else:
        describe()
