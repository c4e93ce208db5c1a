"""Runs a notebook's code cells with plain Python, for where there is no Jupyter.

    python3 run_notebook.py NOTEBOOK.ipynb           prints what the cells print
    python3 run_notebook.py NOTEBOOK.ipynb --check   ... and fails unless the notebook shows it
    python3 run_notebook.py NOTEBOOK.ipynb --update  ... and writes it into the notebook
"""

import contextlib
import io
import json
import sys
from pathlib import Path


def run(path: Path, mode: str) -> int:
    notebook = json.loads(path.read_text())
    names: dict = {"__name__": "__main__"}
    differing = 0
    for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), start=1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)
        print(printed.getvalue(), end="")
        lines = printed.getvalue().splitlines(keepends=True)
        shown = [line for output in cell["outputs"] for line in output["text"]]
        if mode == "--check" and lines != shown:
            differing += 1
            print(f"cell {number} shows something else:\n{''.join(shown)}", file=sys.stderr)
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
        cell["execution_count"] = number
    if mode == "--update":
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
