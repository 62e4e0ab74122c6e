"""The arrays of a graph as Arrow tables: for programs without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import feather

from xctgraph.analysis.snapshots.columns import KEYS, table_of

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def tables(graph: HeteroData) -> dict[str, pa.Table]:
    """Arrow tables with every array of a graph that has `x_names` and `edge_attr_names`, as `pyg` makes it.

    Returns
    -------
    dict of str to pyarrow.Table
        By table of nodes (`features`, `front_sites`, `regions`): `type` (the node type), identifiers, `pos_z`, `pos_y`, `pos_x`,
        the columns of `x` and, with the prefix `y_`, those of `y`; rows by type, in the order of the tensors. By relation
        (`NEAR`, …): `source_type`, `source`, `target_type`, `target` (rows within the type) and the columns of `edge_attr`.
        NaN stays NaN; units are the metadata of the fields.
    """
    found: dict[str, list[pa.Table]] = {}
    for name in graph.node_types:
        node, table = graph[name], table_of(name)
        columns = {"type": _constant(name, node.num_nodes)}
        columns |= {key: pa.array(node[key].numpy()) for key in KEYS[table]}
        fields = [pa.field(key, value.type) for key, value in columns.items()]
        matrices = [(node.x, graph.x_names[name], graph.x_units[name])]
        matrices.append((node.pos, ["pos_z", "pos_y", "pos_x"], ["um"] * 3))
        if "y" in node:
            matrices.append((node.y, [f"y_{y}" for y in graph.y_names[name]], graph.y_units[name]))
        for matrix, names, units in matrices:
            fields += _fields(names, units)
            columns |= _columns(matrix, names)
        found.setdefault(table, []).append(_table(columns, fields))
    for a, relation, b in graph.edge_types:
        edge = graph[a, relation, b]
        n = edge.edge_index.shape[1]
        columns = {
            "source_type": _constant(a, n),
            "source": pa.array(edge.edge_index[0].numpy()),
            "target_type": _constant(b, n),
            "target": pa.array(edge.edge_index[1].numpy()),
        }
        fields = [pa.field(key, value.type) for key, value in columns.items()]
        if "edge_attr" in edge:
            stored = relation.removeprefix("rev_")
            fields += _fields(graph.edge_attr_names[stored], graph.edge_attr_units[stored])
            columns |= _columns(edge.edge_attr, graph.edge_attr_names[stored])
        found.setdefault(relation, []).append(_table(columns, fields))
    return {name: pa.concat_tables(pieces).unify_dictionaries() for name, pieces in found.items()}


def write(graph: HeteroData, folder: Path) -> list[Path]:
    """Write `tables` as Feather files (Arrow IPC, uncompressed, so that they can be mapped) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables(graph).items():
        written.append(folder / f"{name}.arrow")
        feather.write_feather(table, written[-1], compression="uncompressed")
    return written


def _constant(name: str, n: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), n), [name])


def _fields(names: Sequence[str], units: Sequence[str]) -> list[pa.Field]:
    return [pa.field(name, pa.float32(), metadata={"unit": unit}) for name, unit in zip(names, units, strict=True)]


def _columns(matrix: Any, names: Sequence[str]) -> dict[str, pa.Array]:
    return {name: pa.array(matrix[:, i].numpy()) for i, name in enumerate(names)}


def _table(columns: Mapping[str, pa.Array], fields: Sequence[pa.Field]) -> pa.Table:
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))
