"""Snapshots as a PyTorch Geometric dataset: made once per state of the store, then read from its cache."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from xctgraph.analysis.snapshots.bundle import CRATE
from xctgraph.analysis.snapshots.files import file_name, load, write_pyg
from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.analysis.snapshots.selection import Scans, select
from xctgraph.store import open_store

require_pyg()  # says which extra is missing

from torch_geometric.data import Dataset  # noqa: E402


class SnapshotDataset(Dataset):  # type: ignore[misc]  # torch_geometric has no types
    """One `HeteroData` per scan, ordered by sample and t, in a cache under `root`.

    `process()` writes the graphs as `write_pyg` does, Arrow twin and `manifest.json` included, into `root/processed/KEY`, where
    KEY stands for the parts of the store and for what is chosen: a store that has changed or another choice is processed anew,
    and earlier ones stay.

    Parameters
    ----------
    root
        Folder of the cache.
    store
        Path of the store, which is only read.
    samples, t, kinds, where, radius, features, targets
        As for `iter_pyg`.
    transform
        Applied to a graph each time it is read.

    Raises
    ------
    StoreNotFound
        If there is no store.
    InputError
        As `iter_pyg`.
    MissingExtra
        When this module is imported without torch or torch_geometric.
    """

    def __init__(
        self,
        root: str | Path,
        store: str | Path,
        *,
        samples: Sequence[str] | None = None,
        t: Scans = None,
        kinds: Sequence[str] | None = None,
        where: str | None = None,
        radius: float | None = None,
        features: Sequence[str] | None = None,
        targets: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self._store = Path(store)
        self._write = partial(
            write_pyg,
            samples=samples,
            t=t,
            kinds=kinds,
            where=where,
            radius=radius,
            features=features,
            targets=targets,
        )
        with open_store(self._store) as opened:
            scans = select(opened, samples=samples, t=t, kinds=kinds, where=where, radius=radius).scans
            state = opened.manifest().state
        self._files = [f"scans/{file_name(scan.sample, scan.t)}" for scan in scans]
        choice = {name: repr(value) for name, value in self._write.keywords.items()}
        self._key = hashlib.sha256(json.dumps([state, self._files, choice]).encode()).hexdigest()[:16]
        super().__init__(str(root), transform)

    @property
    def processed_dir(self) -> str:
        """Folder of this choice from this state of the store."""
        return str(Path(self.root) / "processed" / self._key)

    @property
    def processed_file_names(self) -> list[str]:
        """The graphs, and what is written last."""
        return [*self._files, CRATE]

    def process(self) -> None:
        """Make the graphs."""
        folder = Path(self.processed_dir)
        if not (folder / CRATE).exists():
            # What an interrupted process() left; the folder's name is ours alone.
            shutil.rmtree(folder)
        with open_store(self._store) as opened:
            self._write(opened, folder)

    def len(self) -> int:
        """Number of scans."""
        return len(self._files)

    def get(self, idx: int) -> Any:
        """Graph of one scan."""
        return load(Path(self.processed_dir) / self._files[idx])
