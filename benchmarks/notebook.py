"""Run a notebook and keep its outputs: `python -m benchmarks.notebook docs/notebooks/forecast.ipynb [NAME=VALUE ...]`.

NAME=VALUE are Python literals that go before those of the cell with the tag `parameters`.
"""

from __future__ import annotations

import sys
from ast import literal_eval
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient


def executed(path: Path, folder: Path, parameters: dict[str, Any], seconds: int = 3600) -> Any:
    """The notebook with the outputs of a run in `folder`, its source as it was."""
    book = nbformat.read(path, as_version=4)
    (cell,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", ())]
    source = cell.source
    cell.source += "\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    NotebookClient(book, timeout=seconds, resources={"metadata": {"path": str(folder)}}).execute()
    cell.source = source
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # times of day, which differ with every run
    return book


def main() -> None:
    path = Path(sys.argv[1])
    parameters = {name: literal_eval(value) for name, value in (given.split("=", 1) for given in sys.argv[2:])}
    nbformat.write(executed(path, Path.cwd(), parameters), path)


if __name__ == "__main__":
    main()
