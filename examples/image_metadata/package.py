"""Build the deployment package as a user would: dependencies and code in one zip."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

FUNCTION = Path(__file__).parent / "function"


def runtime_name() -> str:
    """The runtime of the interpreter that runs this: its wheels fit there, and the node has it."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def build_package() -> bytes:
    """Install ``requirements.txt`` beside ``app.py`` and zip the folder; raises CalledProcessError when that fails."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        install = [
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--target",
            str(tree),
            "-r",
            str(FUNCTION / "requirements.txt"),
        ]
        subprocess.run([sys.executable, *install, "--python", sys.executable], check=True)
        shutil.copy(FUNCTION / "app.py", tree)
        return _zip(tree)


def _zip(tree: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(tree.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                package.write(path, path.relative_to(tree))
    return buffer.getvalue()
