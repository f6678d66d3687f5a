"""Makes packages, honest and hostile, for the tests of this folder."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping


def a_zip(files: Mapping[str, bytes | str], mode: int = 0o644, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    return zip_of(*(entry(name, content, stat.S_IFREG | mode) for name, content in files.items()), method=method)


def entry(name: str, content: bytes | str = b"", mode: int = stat.S_IFREG | 0o644) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    return info, content.encode() if isinstance(content, str) else content


def a_link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    return entry(name, target, stat.S_IFLNK | 0o777)


def zip_of(*entries: tuple[zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, content in entries:
            archive.writestr(info, content, compress_type=method)
    return buffer.getvalue()
