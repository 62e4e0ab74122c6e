"""Weak labels of slices by classical image analysis, with a confidence for each pixel: something to train from."""
