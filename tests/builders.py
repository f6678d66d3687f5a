"""Builders with defaults, for tests of every folder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from raylambda.model.function import FunctionVersion, State


def a_zip(files: Mapping[str, str | bytes], mode: int = 0o755) -> bytes:
    """A deployment package with these files; always the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def a_version(**changes: object) -> FunctionVersion:
    """``$LATEST`` of a Python function, active."""
    values: dict[str, object] = {
        "account": "123456789012",
        "region": "us-east-1",
        "name": "hello",
        "version": "$LATEST",
        "generation": "g1",
        "state": State.ACTIVE,
        "runtime": "python3.11",
        "handler": "app.handler",
        "code_sha256": "0" * 64,
        "code_size": 200,
        "log_group": "/aws/lambda/hello",
        **changes,
    }
    return FunctionVersion(**values)  # type: ignore[arg-type]
