"""Benchmarks: every figure is a ratio from one interleaved run against a floor or a peer (`make bench`)."""
