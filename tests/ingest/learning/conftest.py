"""One series, and one small trained model, for all tests of a worker."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
import torch

from tests.ingest.learning import annotated_series
from tests.ingest.learning.annotated_series import Series
from xctgraph.ingest.learning import annotated, train
from xctgraph.ingest.learning.spec import Spec
from xctgraph.ingest.learning.split import split


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Workers of the test run share two cores: threads that wait for each other would take minutes."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def series(tmp_path_factory: pytest.TempPathFactory) -> Series:
    seed = int(os.environ.get("XCTGRAPH_SEED", secrets.randbits(31)))
    print(f"seed of the series {seed}: repeat with XCTGRAPH_SEED={seed}")
    return annotated_series.make(tmp_path_factory.mktemp("learning"), seed)


@pytest.fixture(scope="session")
def model(series: Series, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good enough to find most inclusions."""
    slices = annotated.load(series.job)
    spec = Spec(loss="dice+ce", crop=64, batch=4, steps=100, rate=2e-3)
    parts = split(slices.examples, (20, 2, 2))
    return train.train(slices, spec, tmp_path_factory.mktemp("model"), parts=parts).path
