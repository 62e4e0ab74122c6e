"""From volumes to parts: readers, segmentation, labelling, measurement, edges, pipeline, synthetic samples."""
