"""Order of the axes in a file, and the way from it to (z, y, x)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

from xctgraph.store.errors import VolumeError, nearest

T = TypeVar("T")
ORDERS = tuple("".join(order) for order in permutations("zyx"))


@dataclass(frozen=True)
class Axes:
    """`order` names the axes of the file from the slowest to the fastest, e.g. "yzx" for sinogram-wise storage."""

    order: str = "zyx"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise VolumeError(
                f"axes {self.order!r} is not an order of the axes z, y and x in the file: {nearest(str(self.order), ORDERS)}"
            )

    def agree_with(self, stated: str | None, name: str) -> None:
        """Refuse an order other than the one that the file says of the volume `name`; None where it says nothing."""
        if stated is not None and stated != self.order:
            raise VolumeError(
                f"{name} says that its axes are in the order {stated!r}, but {self.order!r} was declared: give axes = {stated!r}"
            )

    def to_zyx(self, per_file_axis: tuple[T, T, T]) -> tuple[T, T, T]:
        """Reorder one value per axis of the file to z, y, x."""
        z, y, x = (per_file_axis[self.order.index(axis)] for axis in "zyx")
        return z, y, x

    def to_file(self, per_zyx: tuple[T, T, T]) -> tuple[T, T, T]:
        """Reorder one value per z, y, x to the axes of the file."""
        first, second, third = (per_zyx["zyx".index(axis)] for axis in self.order)
        return first, second, third
