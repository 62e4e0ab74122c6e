"""The client of a Dask cluster: submits the tasks of all scans, and hands each measured scan over in its turn."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import xctgraph
from xctgraph.ingest import config, measured, plan
from xctgraph.ingest.correspondence import Links
from xctgraph.ingest.distributed import tasks
from xctgraph.ingest.resources import Resources
from xctgraph.ingest.volumes import places
from xctgraph.store.errors import InputError, MissingExtra, XctGraphError
from xctgraph.store.progress import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 20
LOOK_S = 0.5


@dataclasses.dataclass(frozen=True)
class _Submitted:
    looked: list[Future[Any]]
    n_looked: int
    finished: Future[Any]
    over: threading.Event


class Cluster:
    """A Dask cluster as the place where scans are measured; use it in a `with` statement.

    Parameters
    ----------
    address
        Address of the scheduler, tcp://HOST:8786, or the scheduler file that it wrote.
    folder
        Where measured scans are put, on storage that all workers share; what is there already is not measured again.

    Raises
    ------
    InputError
        If there is no scheduler at the address, it has no worker, or a worker runs another version.
    MissingExtra
        If `distributed` is not installed.
    """

    def __init__(self, address: str, folder: Path) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise MissingExtra("distributed", "dask", "--scheduler") from error
        # Its errors reach the user as ours.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._address = address
        self._folder = folder.absolute()
        self._submitted: dict[int, _Submitted] = {}
        self._links: dict[tuple[int, int], Future[Any]] = {}
        where = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
        try:
            if address.endswith(".json") and not Path(address).is_file():  # it would wait for the file for ever
                raise ValueError("there is no such file")
            self._client: Client = Client(**where, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers at {address!r} ({error}): start one with `dask scheduler`, and workers with "
                "`dask worker ADDRESS`, or give the address that it prints"
            ) from error
        try:
            self._check_workers()
        except BaseException:
            self._client.close()
            raise

    def submit(self, dataset: config.Dataset, plans: Iterable[plan.ScanPlan], resources: Resources) -> None:
        """Submit the tasks of all scans; the first scans go first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if (model := dataset.segmentation.model) is not None:
            segmentation = dataset.segmentation.model_copy(update={"model": places.absolute(model)})
            dataset = dataset.model_copy(update={"segmentation": segmentation})
        before: tuple[tasks.Work, Future[Any] | Path] | None = None
        for place, scan_plan in enumerate(plans):
            folder = measured.folder_of(self._folder, dataset.sample.id, scan_plan)
            there = scan_plan.scan.moved(places.absolute)
            work = tasks.Work(dataset, dataclasses.replace(scan_plan, scan=there, links=None), folder, resources.memory)
            made: Future[Any] | Path = folder
            if not folder.exists():
                self._submitted[there.t] = self._submit(work, -place)
                made = self._submitted[there.t].finished
            if before is not None and scan_plan.links is None:
                pair = (before[0], work)
                options: dict[str, Any] = {"priority": 0.7 - place, "pure": False}
                linked = self._client.submit(tasks.link, pair, (before[1], made), **options)
                self._links[before[0].scan_plan.scan.t, there.t] = linked
            before = work, made

    def wait(self, scan_plan: plan.ScanPlan, progress: Progress) -> None:
        """Wait until a scan that was submitted is in its folder."""
        t = scan_plan.scan.t
        submitted = self._submitted.pop(t)
        try:
            while not submitted.finished.done():
                n_done = sum(future.done() for future in submitted.looked)
                progress(f"t = {t}: measuring on {self._n_workers()} workers", n_done, submitted.n_looked)
                submitted.over.wait(LOOK_S)
            submitted.finished.result()
        except Exception as error:
            raise self._explained(error, t) from error

    def links(self, t_a: int, t_b: int) -> Links | None:
        """Links between two scans that were both submitted."""
        linked = self._links.pop((t_a, t_b), None)
        try:
            return None if linked is None else linked.result()
        except Exception as error:
            raise self._explained(error, t_b) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # What is not done yet nobody waits for.
        self._submitted.clear()
        self._links.clear()
        self._client.close()

    def _submit(self, work: tasks.Work, priority: int) -> _Submitted:
        options: dict[str, Any] = {"priority": priority, "pure": False}
        looked: list[Future[Any]] = []
        if work.dataset.segmentation.method == "model":
            finished = self._client.submit(tasks.whole, work, **options)
        else:
            settled = self._client.submit(tasks.settle, work, **options)
            looked = [self._client.submit(tasks.look, work, settled, part, **options) for part in work.parts()]
            # Looked at is what memory is taken for until the scan is put together.
            options["priority"] += 0.5
            finished = self._client.submit(tasks.finish, work, settled, looked, **options)
        submitted = _Submitted(looked, len(looked), finished, threading.Event())

        def over(_: Future[Any]) -> None:
            # While this process holds a result, workers keep it in memory.
            looked.clear()
            submitted.over.set()

        finished.add_done_callback(over)
        return submitted

    def _check_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            raise InputError(
                f"the Dask scheduler at {self._address} has no worker: start some with `dask worker {self._address}`"
            ) from None
        versions: dict[str, Any] = self._client.run(_version, on_error="return")
        for worker, version in versions.items():
            if version != xctgraph.__version__:
                what = f"cannot import xctgraph ({version})" if isinstance(version, Exception) else f"runs xctgraph {version}"
                raise InputError(
                    f"worker {worker} {what}, but this is {xctgraph.__version__}: install the same version wherever workers run"
                )

    def _n_workers(self) -> int:
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def _explained(self, error: Exception, t: int) -> Exception:
        from distributed import CancelledError, KilledWorker

        if isinstance(error, XctGraphError):
            return error
        if isinstance(error, KilledWorker):
            return XctGraphError(
                f"scan t = {t}: workers died again and again at one task ({error}). They may lack memory: give them more, or a "
                "smaller --memory here. Scans that were committed stay; run the same command again"
            )
        if isinstance(error, CancelledError | OSError) or self._client.status != "running":
            return XctGraphError(
                f"the Dask scheduler at {self._address} is gone. Scans that were committed stay, and those that were "
                "measured are not measured again: start it, and run the same command again"
            )
        return error


def _version() -> str:
    return xctgraph.__version__
