"""What a watch tells: one event per change in the life of a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from xctgraph.ingest.pipeline import ScanResult

Kind = Literal["added", "replaced", "unchanged", "waiting", "failed", "left out"]


@dataclass(frozen=True)
class Event:
    """What happened to the scan `name` (relative to the folder) that is, or would be, scan `t`.

    - `added`, `replaced`, `unchanged`: it is in the store, linked and queryable; `result` says what was found, `seconds` how long
      it took.
    - `waiting`: it is not finished, for a reason that time alone may not end.
    - `failed`: it could not be ingested, and will be tried again.
    - `left out`: it could not be ingested, and will be tried again only when its files change.
    """

    kind: Kind
    name: str
    t: int | None
    reason: str = ""
    seconds: float = 0.0
    result: ScanResult | None = None

    def row(self) -> dict[str, Any]:
        """The event as one JSON-able mapping."""
        known = {"event": self.kind, "name": self.name, "t": self.t}
        if self.result is None:
            return known | {"reason": self.reason}
        return known | {"seconds": round(self.seconds, 3)} | {k: v for k, v in vars(self.result).items() if k != "t"}
