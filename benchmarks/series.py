"""A series of scans as tables of features, of any size, with truth: a cloud that is strained, loses and gains features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

VOXEL_UM = 1.63
_VOLUME_FRACTION = 0.009
_MEAN_VOXELS = 181.0
_STRAIN = 0.002
_WAVE = 1.5
_NOISE = 0.1
_PORES = 0.2


@dataclass(frozen=True)
class Series:
    """Features in the frame of the first scan; the reference study has 161,574 of 181 voxels in 0.9 % of the volume.

    `turnover` is the share that vanishes, and the share that appears, from scan to scan.
    """

    features: int
    scans: int
    seed: int
    turnover: float = 0.01

    @property
    def edge(self) -> int:
        """Edge of the cube, voxels."""
        return int(np.ceil((self.features * _MEAN_VOXELS / _VOLUME_FRACTION) ** (1 / 3)))

    def write(self, folder: Path) -> dict[str, object]:
        """Write one Parquet file per scan; the dataset that names them, as a TOML would. The column `id` is the identity."""
        rng = np.random.default_rng(self.seed)
        edge, born = self.edge, round(self.features * self.turnover)
        total = self.features + born * (self.scans - 1)
        place = rng.uniform(0, edge - 1, (total, 3))
        n_voxels = np.maximum(np.rint(rng.lognormal(np.log(_MEAN_VOXELS) - 0.32, 0.8, total)), 5)
        kind = np.where(rng.random(total) < _PORES, "pore", "inclusion")
        growth = np.where(kind == "pore", rng.uniform(0.0, 0.04, total), 0.0)
        phase = rng.uniform(0, 2 * np.pi, 3)
        alive = np.arange(self.features)
        for t in range(self.scans):
            if t:
                gone = rng.choice(len(alive), born, replace=False)
                alive = np.r_[np.delete(alive, gone), self.features + born * (t - 1) + np.arange(born)]
            at = self._moved(place[alive], t, phase) + rng.normal(0, _NOISE, (len(alive), 3))
            inside = ((at >= 0) & (at <= edge - 1)).all(axis=1)
            which, at = alive[inside], at[inside]
            size = np.rint(n_voxels[which] * np.exp(growth[which] * t) * np.exp(rng.normal(0, 0.03, len(which))))
            columns = {"id": which, "kind": kind[which], "n_voxels": np.maximum(size, 1).astype(np.int64)}
            pq.write_table(pa.table(columns | {axis: at[:, k] for k, axis in enumerate("zyx")}), folder / f"{t:03d}.parquet")
        return self._dataset(folder)

    def _moved(self, place: NDArray[np.float64], t: int, phase: NDArray[np.float64]) -> NDArray[np.float64]:
        """Stretched along z about the middle, contracted across, with a wave that grows: below the spacing from scan to scan."""
        about = place - (self.edge - 1) / 2
        wave = _WAVE * t * np.sin(2 * np.pi * np.roll(place, 1, axis=1) / self.edge + phase)
        return place + t * _STRAIN * about * np.array([1.0, -0.35, -0.35]) + wave

    def _dataset(self, folder: Path) -> dict[str, object]:
        return {
            "sample": {"id": "S1", "voxel_size_um": VOXEL_UM, "shape": [self.edge] * 3, "material": "AlMg"},
            "columns": {"label": "id"},
            "units": {"position": "voxel", "size": "voxel"},
            "proximity": {"gap_um": 50.0},
            "scan": [
                {"t": t, "path": str(folder / f"{t:03d}.parquet"), "time_s": 1800.0 * t, "strain": _STRAIN * t}
                for t in range(self.scans)
            ],
        }
