"""Measures a model on held-out code: fixed holes, baselines without a model, two published benchmarks, intervals."""
