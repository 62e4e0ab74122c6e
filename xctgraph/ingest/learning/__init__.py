"""Networks that segment slices: training on annotated slices, prediction of whole volumes. Needs the extra `ml`."""
