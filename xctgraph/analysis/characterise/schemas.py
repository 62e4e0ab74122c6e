"""Columns of the tables that `characterise` makes."""

from __future__ import annotations

import pyarrow as pa

from xctgraph.analysis.characterise.distribution import QUANTILES

_TYPES = {"i": pa.int64(), "f": pa.float64(), "s": pa.string(), "b": pa.bool_()}
_STATISTICS = " ".join(f"{name}:f {name}_px:f" for name in ("mean", "std", "min", *QUANTILES, "max"))
_COLUMNS = {
    "abundance": "t:i time_s:f kind:s n:i n_border:i material_mm3:f density_per_mm3:f density_low:f density_high:f volume_um3:f "
    "volume_fraction:f fraction_low:f fraction_high:f",
    "distributions": f"t:i kind:s measure:s n:i n_unknown:i n_beyond:i unit:s unit_px:s {_STATISTICS}",
    "histograms": "t:i kind:s measure:s low:f high:f n:i",
    "largest": "t:i kind:s uid:s volume_um3:f volume_voxels:f equivalent_diameter_um:f equivalent_diameter_px:f axis_major_um:f "
    "axis_major_px:f axis_minor_um:f axis_minor_px:f border_touching:b",
    "orientation": "t:i kind:s load_axis:s n:i n_left_out:i eigenvalue_1:f eigenvalue_2:f eigenvalue_3:f mean_z:f mean_y:f "
    "mean_x:f mean_cos2:f median_angle_deg:f p:f p_adjusted:f",
    "poles": "t:i kind:s u:f v:f n:i",
    "change": "t:i t_later:i kind:s measure:s n_matched:i ratio:f ratio_low:f ratio_high:f median_ratio:f share_larger:f p:f "
    "p_adjusted:f",
    "turnover": "t:i t_later:i kind:s n:i n_later:i matched:i changed_kind:i ended:i split:i merged:i swallowed:i lost:i "
    "lost_at_border:i begun:i from_split:i from_merge:i born:i born_at_border:i",
    "profiles": "t:i kind:s axis:s from_um:f to_um:f material_mm3:f n:i n_expected:f density_per_mm3:f volume_fraction:f",
    "heterogeneity": "t:i kind:s axis:s n_layers:i n:i dispersion_index:f p_poisson:f p_number:f p_fraction:f "
    "p_poisson_adjusted:f p_number_adjusted:f p_fraction_adjusted:f",
    "displacement": "t:i t_later:i time_s:f axis:s n_tracks:i median_um:f q25_um:f q75_um:f field_um:f since_first_um:f "
    "median_px:f since_first_px:f",
}
SCHEMAS = {
    name: pa.schema([pa.field(column, _TYPES[letter]) for column, letter in (item.split(":") for item in text.split())])
    for name, text in _COLUMNS.items()
}
