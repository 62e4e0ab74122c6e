"""Choosing the slices to annotate: embeddings, clusters, DIDS and its baselines, scores, and the labelling job."""
