"""boto3 for every Python runtime, as on AWS: one tree per Python version, prepared once per installation.

A guest must see boto3 and what it needs, and nothing else of our own environment. boto3 is pure Python, so for the
versions that it supports the tree is linked from our own ``site-packages``; older Pythons get the last boto3 that supports
them from the package registry. Trees are made at set-up (``python -m raylambda.runtime.python_packages prepare``), compiled for
their interpreter because a guest cannot write byte code into them, and never at an invoke.
"""

from __future__ import annotations

import sys
from pathlib import Path


def default_root() -> Path:
    """Beside the installation that the trees were linked from: another environment has another boto3."""
    return Path(sys.prefix) / "share" / "raylambda" / "packages"
