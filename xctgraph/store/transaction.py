"""One commit: parts staged by a writer, then one manifest."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import pyarrow as pa

from xctgraph.store import files, ids, manifest, parts, recovery
from xctgraph.store.arrow import Data, conform, table_named
from xctgraph.store.errors import StoreError
from xctgraph.store.job import Job
from xctgraph.store.manifest import Manifest
from xctgraph.store.parts import Part, Slot


class Transaction:
    """Changes to a store that become one revision together; made by `Store.write`."""

    def __init__(self, root: Path, base: Manifest, job: Job | None) -> None:
        self._root = root
        self._base = base
        self._job = job
        self._changes: dict[Slot, Part | None] = {}
        self._staged: list[Part] = []
        self._numbers: dict[str, int] = {}
        self._target = manifest.path_of(root, base.revision + 1)
        self._open = True

    @property
    def job_id(self) -> str | None:
        """Identifier of the job; None without one."""
        return None if self._job is None else self._job.job_id

    @property
    def base(self) -> Manifest:
        """The revision that the changes are made on."""
        return self._base

    def manifest(self) -> Manifest:
        """The revision as it would be if it were committed now."""
        return self._base.following(self._changes, self.job_id)

    def put(self, table: str, data: Data, *, sample: str | None, t: int | None = None) -> None:
        """Stage the rows of one table, sample and scan; they replace those that were there.

        Parameters
        ----------
        table
            Name of a table of the schema.
        data
            Rows; cast to the schema. The columns `sample`, `t` and `job_id` may be left out.
        sample, t
            What the rows belong to; `t` is the scan of the source for edges, and None for tables of a whole sample.

        Raises
        ------
        InputError
            If a column is unknown, missing, of a wrong type or null where it must not be, or rows belong elsewhere.
        """
        self._check_open()
        table_named(table)
        parts.check_slot(table, sample, t)
        defaults = {"sample": sample, "t": t, "job_id": self.job_id}
        given = {name: value for name, value in defaults.items() if value is not None}
        self._stage((table, sample, t), conform(table, data, given))

    def drop(self, table: str, *, sample: str | None, t: int | None = None) -> None:
        """Stage the removal of the rows of one table, sample and scan; without `t` of all scans of the sample."""
        self._check_open()
        table_named(table)
        for part in self.manifest().parts:
            if part.table == table and part.sample == sample and (t is None or part.t == t):
                self._changes[part.slot] = None

    def read(
        self, table: str, *, sample: str | None = None, t: int | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Rows of a table as they would be after the commit; of one sample and scan where given."""
        table_named(table)
        return parts.read(self._root, table, self.manifest().select(table, sample=sample, t=t), columns)

    def sample_no(self, sample: str) -> int:
        """Number of a sample: its own, or the next free one.

        Raises
        ------
        StoreError
            If the store holds 512 samples already.
        """
        if sample not in self._numbers:
            rows = self.read("samples", columns=["sample", "sample_no"])
            known = dict(zip(rows["sample"].to_pylist(), rows["sample_no"].to_pylist(), strict=True))
            taken = {*known.values(), *self._numbers.values()}
            free = [number for number in range(ids.MAX_SAMPLE_NO + 1) if number not in taken]
            if sample not in known and not free:
                raise StoreError(f"the store holds {len(taken)} samples, no more fit: put {sample!r} into another store")
            # A number freed by a dropped sample is taken again last: its ids may still be written somewhere.
            self._numbers[sample] = (
                known[sample] if sample in known else next((n for n in free if n > max(taken, default=-1)), free[0])
            )
        return self._numbers[sample]

    def commit(self) -> Manifest:
        """Make the staged changes the newest revision; without changes the old one stays."""
        self._check_open()
        if self._changes:
            if self._job is not None:
                slot = ("jobs", self._job.sample, self._job.t)
                earlier = [part for part in self.manifest().parts if part.slot == slot]
                rows = pa.concat_tables([parts.read(self._root, "jobs", earlier), self._job.row()])
                rows = conform("jobs", rows)
                # The last part to be written: from it the manifest can be made again, should it be lost.
                self._stage(slot, recovery.record(rows, self._base, {k: v for k, v in self._changes.items() if k != slot}))
            revision = self.manifest()
            manifest.write(self._root, revision)
            self._base = revision
        self._end(set(self._changes.values()))
        return self._base

    def abandon(self) -> None:
        """Forget the staged changes and remove their files; those of a revision that is published already stay."""
        if self._open:
            self._end(set(self._staged) if self._target.exists() else set())

    def _stage(self, slot: Slot, data: pa.Table) -> None:
        part = parts.write(self._root, slot, data, self._base.revision + 1)
        self._staged.append(part)
        self._changes[part.slot] = part

    def _end(self, kept: AbstractSet[Part | None]) -> None:
        # The record of the commit goes first, so that a removal that is cut off leaves no revision that seems complete.
        for part in reversed(self._staged):
            if part not in kept:
                files.remove(self._root / part.path)
        self._staged.clear()
        self._changes.clear()
        self._open = False

    def _check_open(self) -> None:
        if not self._open:
            raise StoreError("the transaction has ended: start another with `with store.write(...) as tx`")
