"""Results kept in a store: the table `studies`, with the job that made each."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from xctgraph.store import Job, Store
from xctgraph.store.arrow import conform


def record(
    store: Store,
    *,
    command: str,
    question: str,
    sample: str,
    parameters: Mapping[str, object],
    effect: float | None = None,
    interval: tuple[float, float] | None = None,
    p: float | None = None,
    seed: int | None = None,
) -> str:
    """Add a study to a store, as a revision of its own.

    Parameters
    ----------
    command
        What was run, as on the command line.
    question
        In words.
    parameters
        JSON-able; kept in the study and in its job. The job also names the revision the study was made from.
    effect, interval, p
        Of the primary test; an open end of the interval is kept as null.

    Returns
    -------
    str
        `study_id`.

    Raises
    ------
    StoreLocked, StoreUnwritable
        If the store cannot be written.
    """
    inputs = {"revision": store.manifest().revision, "state": store.manifest().state}
    job = Job(command=command, sample=sample, parameters=parameters, inputs=inputs, seed=seed)
    low, high = (None, None) if interval is None else (_finite(end) for end in interval)
    row = {
        "study_id": job.job_id,
        "question": question,
        "parameters": json.dumps({"sample": sample, **parameters}, sort_keys=True),
        "effect": _finite(effect),
        "interval_low": low,
        "interval_high": high,
        "p": _finite(p),
        "seed": seed,
        "job_id": job.job_id,
    }
    with store.write(job) as tx:
        rows = conform("studies", {name: [value] for name, value in row.items()})
        tx.put("studies", pa.concat_tables([tx.read("studies", sample=sample), rows]), sample=sample)
    return job.job_id


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
