"""What the tables of each program look like: column headings, units, where its coordinates start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Dimension = Literal["position", "length", "area", "volume", "angle", "number", "integer", "flag", "text"]

COLUMNS: dict[str, tuple[Dimension, str]] = {
    "label": ("integer", "number of the feature in its program; kept as `source_label`"),
    "t": ("integer", "scan index, where one file holds all scans"),
    "kind": ("text", "kind, or a code that [kinds] translates"),
    "z": ("position", "centroid"),
    "y": ("position", "centroid"),
    "x": ("position", "centroid"),
    "volume": ("volume", "volume"),
    "n_voxels": ("integer", "number of voxels"),
    "equivalent_diameter": ("length", "diameter of the sphere of the same volume"),
    "radius": ("length", "radius of the sphere of the same volume"),
    "surface_area": ("area", "surface area"),
    "sphericity": ("number", "sphericity; from volume and surface where it is missing"),
    "euler_number": ("integer", "Euler number"),
    "axis_major_length": ("length", "longest axis of the ellipsoid of the same moments"),
    "axis_intermediate_length": ("length", "middle axis"),
    "axis_minor_length": ("length", "shortest axis"),
    "semi_axis_major": ("length", "half of axis_major_length"),
    "semi_axis_intermediate": ("length", "half of axis_intermediate_length"),
    "semi_axis_minor": ("length", "half of axis_minor_length"),
    "theta": ("angle", "azimuth of the longest axis in the x, y plane, from x to y, degrees"),
    "phi": ("angle", "angle between the longest axis and z, degrees"),
    "elevation": ("angle", "angle between the longest axis and the x, y plane, degrees; in place of phi"),
    "intensity_mean": ("number", "mean grey value"),
    "intensity_std": ("number", "standard deviation of the grey value"),
    "intensity_min": ("number", "smallest grey value"),
    "intensity_max": ("number", "largest grey value"),
    "intensity_q05": ("number", "5 % quantile of the grey values"),
    "intensity_q25": ("number", "25 % quantile"),
    "intensity_median": ("number", "median grey value"),
    "intensity_q75": ("number", "75 % quantile"),
    "intensity_q95": ("number", "95 % quantile"),
    "confidence": ("number", "confidence of the segmentation, 0 to 1"),
    "border_touching": ("flag", "whether it touches a face of the volume"),
}
"""Columns that a table may have: dimension and meaning."""

SIZES = ("volume", "n_voxels", "equivalent_diameter", "radius")


@dataclass(frozen=True)
class Format:
    """Tables of one program.

    `headings` are the names that a column may have, the first that is there counts; case and a unit in brackets behind the
    name do not. `units` hold where neither the heading nor the user names one. `origin` is the coordinate (z, y, x) of the
    centre of the first voxel, in voxels.
    """

    program: str
    headings: Mapping[str, tuple[str, ...]]
    units: Mapping[str, str] = field(default_factory=dict)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)


_GREY = {
    "intensity_mean": ("Mean",),
    "intensity_std": ("StdDev",),
    "intensity_min": ("Min",),
    "intensity_max": ("Max",),
    "intensity_median": ("Median",),
}

FORMATS: dict[str, Format] = {
    "csv": Format("any program, with our names", {name: (name,) for name in COLUMNS}),
    "avizo": Format(
        "Avizo, Label Analysis",
        {
            "label": ("index", "label"),
            "z": ("BaryCenterZ",),
            "y": ("BaryCenterY",),
            "x": ("BaryCenterX",),
            "volume": ("Volume3d",),
            "equivalent_diameter": ("EqDiameter",),
            "surface_area": ("Area3d",),
            "sphericity": ("Sphericity",),
            "theta": ("OrientationTheta",),
            "phi": ("OrientationPhi",),
            "intensity_mean": ("Mean",),
            "intensity_min": ("Minimum", "Min"),
            "intensity_max": ("Maximum", "Max"),
        },
    ),
    "dragonfly": Format(
        "Dragonfly, object analysis of a multi-ROI",
        {
            "label": ("Label Index", "Label", "Index"),
            "z": ("Center Of Mass Z",),
            "y": ("Center Of Mass Y",),
            "x": ("Center Of Mass X",),
            "volume": ("Volume",),
            "n_voxels": ("Voxel Count",),
            "equivalent_diameter": ("Equivalent Spherical Diameter",),
            "surface_area": (
                "Surface Area (Lindblad 2005)",
                "Surface Area (interpolated)",
                "Surface Area (voxel-wise)",
                "Surface Area",
            ),
            "sphericity": ("Sphericity",),
            "theta": ("Theta",),
            "phi": ("Phi",),
            "intensity_mean": ("Mean Intensity",),
            "intensity_min": ("Min Intensity", "Minimum Intensity"),
            "intensity_max": ("Max Intensity", "Maximum Intensity"),
        },
    ),
    "fiji": Format(
        "Fiji, 3D Objects Counter",
        {
            # ImageJ numbers the rows of a results table in a first column without a name.
            "label": ("", "Unnamed: 0"),
            "z": ("Z",),
            "y": ("Y",),
            "x": ("X",),
            "volume": ("Volume",),
            "n_voxels": ("Nb of obj. voxels",),
            "surface_area": ("Surface",),
            **_GREY,
        },
        {"position": "voxel"},
        # The plugin counts columns and rows from 0, but slices from 1.
        (1.0, 0.0, 0.0),
    ),
    "morpholibj": Format(
        "MorphoLibJ, Analyze Regions 3D",
        {
            "label": ("Label",),
            "z": ("Centroid.Z", "Elli.Center.Z"),
            "y": ("Centroid.Y", "Elli.Center.Y"),
            "x": ("Centroid.X", "Elli.Center.X"),
            "volume": ("Volume",),
            "n_voxels": ("VoxelCount",),
            "surface_area": ("SurfaceArea",),
            "sphericity": ("Sphericity",),
            "euler_number": ("EulerNumber",),
            "semi_axis_major": ("Elli.R1", "Elli.Radius1"),
            "semi_axis_intermediate": ("Elli.R2", "Elli.Radius2"),
            "semi_axis_minor": ("Elli.R3", "Elli.Radius3"),
            "theta": ("Elli.Azim",),
            "elevation": ("Elli.Elev",),
            **_GREY,
        },
    ),
    "porespy": Format(
        "porespy, regionprops_3D (and scikit-image, regionprops_table)",
        {
            "label": ("label",),
            "z": ("centroid-0",),
            "y": ("centroid-1",),
            "x": ("centroid-2",),
            "volume": ("volume", "area"),
            "n_voxels": ("num_pixels",),
            "equivalent_diameter": ("equivalent_diameter_area", "equivalent_diameter"),
            "surface_area": ("surface_area",),
            "sphericity": ("sphericity",),
            "euler_number": ("euler_number",),
            "axis_major_length": ("axis_major_length", "major_axis_length"),
            "axis_minor_length": ("axis_minor_length", "minor_axis_length"),
            "intensity_mean": ("intensity_mean", "mean_intensity"),
            "intensity_std": ("intensity_std",),
            "intensity_min": ("intensity_min", "min_intensity"),
            "intensity_max": ("intensity_max", "max_intensity"),
            "intensity_median": ("intensity_median",),
        },
        {"position": "voxel", "size": "voxel"},
    ),
    "geff": Format("GEFF, the graph exchange file format", {name: (name,) for name in COLUMNS}),
}
