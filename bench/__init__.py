"""Benchmarks: every figure is a ratio from one interleaved run against a floor or a peer (`make bench`)."""

import os

# The platform's own cluster asks for Ray's token; this must be set before Ray is imported.
os.environ.setdefault("RAY_AUTH_MODE", "token")
