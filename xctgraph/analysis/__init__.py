"""Snapshots, plots and reports made from a store."""
