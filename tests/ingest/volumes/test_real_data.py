from __future__ import annotations

import pytest
import tifffile

from tests.real_data import VOLUMES, real_volume


@pytest.mark.parametrize("name", VOLUMES)
def test_every_listed_volume_is_a_volume(name: str) -> None:
    assert tifffile.imread(real_volume(name)).ndim == 3
