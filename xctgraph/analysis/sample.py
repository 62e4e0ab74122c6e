"""Which sample of a store a study is about."""

from __future__ import annotations

from xctgraph.store import Store
from xctgraph.store.errors import InputError


def only_sample(store: Store, sample: str | None) -> str:
    """The sample named, or the only one of the store.

    Raises
    ------
    InputError
        If there is none of that name, or none is named and there is not exactly one.
    """
    held = store.manifest().samples()
    if sample is None and len(held) != 1:
        raise InputError(f"the store holds the samples {', '.join(held) or 'none'}: name one with --sample")
    if sample is not None and sample not in held:
        raise InputError(f"the store has no sample {sample!r}; it holds {', '.join(held) or 'none'}")
    return held[0] if sample is None else sample
