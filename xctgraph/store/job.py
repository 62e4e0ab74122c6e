"""What made the rows of a commit."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import pyarrow as pa

from xctgraph.store.arrow import conform


def _version() -> str:
    try:
        return version("xctgraph")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


@dataclass(frozen=True)
class Job:
    """One run that writes to the store.

    Parameters
    ----------
    command
        What is run, in words or as the command line.
    sample, t
        Sample and scan it writes, where it writes one.
    parameters, inputs
        JSON-able mappings: parameters of the run; paths and checksums of what it read.
    seed
        Seed of the random generator, where one is used.
    """

    command: str
    sample: str | None = None
    t: int | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    inputs: Mapping[str, object] = field(default_factory=dict)
    seed: int | None = None
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    clock: float = field(default_factory=time.monotonic, repr=False, compare=False)

    def row(self) -> pa.Table:
        """The job as one row of the table `jobs`; its duration is the time since it was made."""
        values = {
            "job_id": self.job_id,
            "command": self.command,
            "sample": self.sample,
            "t": self.t,
            "started_at": self.started_at,
            "seconds": time.monotonic() - self.clock,
            "version": _version(),
            "parameters": json.dumps(dict(self.parameters), sort_keys=True, default=str),
            "inputs": json.dumps(dict(self.inputs), sort_keys=True, default=str),
            "seed": self.seed,
        }
        return conform("jobs", {name: [value] for name, value in values.items()})
