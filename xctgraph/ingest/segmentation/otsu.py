"""Thresholds found from the histogram, for features that may be sparse."""

from __future__ import annotations

from typing import Any

from xctgraph.ingest.segmentation import matrix, sampling, tail
from xctgraph.ingest.segmentation.protocol import DARK
from xctgraph.ingest.segmentation.threshold import ThresholdSegmenter
from xctgraph.ingest.volumes import Volume


def otsu(
    volume: Volume, *, sample_mask: Volume | None = None, bright: str | None = "inclusion", dark: str | None = DARK
) -> ThresholdSegmenter:
    """Find thresholds for features brighter and darker than the matrix.

    Otsu's threshold (IEEE Trans. Syst. Man Cybern. 9 (1979) 62) splits the noise of the matrix where features are sparse: at
    0.5 % of the voxels it reaches an intersection over union of 0.01. Here the peak of the matrix is fitted (`matrix.fit`) and on
    each side a threshold is put between it and what it does not explain (`tail.fit`); a side where nothing is left has no
    class. The name of the method is kept because that is what users ask for.

    Limits: one pair of thresholds for the whole volume, so that gradients of brightness (cupping) should be removed before;
    the matrix is the phase with most voxels, so that of a specimen smaller than the field of view the surroundings need a
    `sample_mask`; noise is taken as Gaussian near the peak; a second phase of the matrix counts as features; features of
    two contrasts get the threshold of the weaker one. Blurred features of a volume fraction of 20 % whose contrast is below
    5 standard deviations of the noise reach 0.7 of the overlap that the best threshold would.

    Parameters
    ----------
    volume : Volume
        Grey values; evenly spaced slices of it are read, see `sampling.sample`.
    sample_mask : Volume, optional
        1 where there is material. Other voxels take no part in the histogram; `classify` leaves them out if it is given them.
    bright, dark : str or None
        Names of the classes; None switches a side off.

    Returns
    -------
    Segmenter
        `description` holds per class the threshold, the grey level of the features and their share of the voxels looked at,
        or why a class is absent; mean and standard deviation of the matrix; padding, if any.

    Raises
    ------
    VolumeError
        If a voxel looked at is not finite, all have the same value, or the sample mask does not fit.
    """
    sampled = sampling.sample(volume, sample_mask)
    histogram = sampled.histogram
    peak = matrix.fit(histogram)
    last = histogram.counts.size - 1
    description: dict[str, Any] = {
        "method": "otsu",
        "matrix": {"mean": histogram.origin + histogram.width * peak.mean, "std": histogram.width * peak.sigma},
        "slices": sampled.slices,
        "voxels": int(histogram.total),
        "padding": sampled.padding,
        "classes": {},
    }
    sides: list[tuple[str, float] | None] = []
    for name, side in ((bright, "bright"), (dark, "dark")):
        if name is None:
            sides.append(None)
            continue
        flipped = side == "dark"
        found = tail.fit(histogram.mirrored() if flipped else histogram, peak.mirrored(last + 1) if flipped else peak)
        if found is None:
            description["classes"][name] = {"side": side, "absent": "the peak of the matrix explains all voxels on this side"}
            sides.append(None)
            continue
        grey = [
            histogram.origin + histogram.width * (last - bin_ if flipped else bin_)
            for bin_ in (found.threshold, found.level, found.noise_limit)
        ]
        description["classes"][name] = {
            "side": side,
            "threshold": grey[0],
            "level": grey[1],
            "noise_limit": grey[2],
            "share": found.voxels / histogram.total,
        }
        sides.append((name, grey[0]))
    return ThresholdSegmenter(sides[0], sides[1], padding=sampled.padding, description=description)
