"""The `xctgraph` command."""
