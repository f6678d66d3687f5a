"""Compiles the Python of a code tree: run in a jail, once for a tree and a Python, and never in the way of an invocation.

Run as ``python -I -S python_compiler.py ROOT``. What comes out goes to stdout, because there is nothing that a guest may write to and
a host would read: frames of two lengths (four bytes each, most significant first), a path below ROOT and its byte code as in a
``.pyc`` whose source is not looked at again (unchecked hash). An empty path is the end. A file that does not compile is
left out: who imports it gets the error. Small files come first, so that one which is too much for the guest costs itself only.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN_ROOT = b"/var/task"
UNCHECKED_HASH = 0b01
LOWEST = 19


def give_way() -> None:
    """Let everything else on the node go first, also where the kernel gives each session the same share."""
    os.nice(LOWEST)
    try:
        with open("/proc/self/autogroup", "w") as group:
            group.write(str(LOWEST))
    except OSError:
        return  # this kernel has no groups


def sources(root: bytes) -> Iterator[tuple[int, bytes]]:
    """Size and path of every Python file; links are other files' names, or lead to folders that are walked anyway."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if name.endswith(b".py") and stat.S_ISREG(status.st_mode):
                yield status.st_size, path


def compiled(path: bytes, shown: bytes) -> bytes | None:
    """The content of a ``.pyc``; None when it does not compile."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, os.fsdecode(shown), "exec", dont_inherit=True)
    except Exception:
        return None
    head = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(source)
    return head + marshal.dumps(code)


def frame(path: bytes, content: bytes) -> bytes:
    return len(path).to_bytes(4, "big") + len(content).to_bytes(4, "big") + path + content


def main(root: str) -> None:
    give_way()
    output = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # where compilers write their warnings
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    top = os.fsencode(root)
    for _, path in sorted(sources(top)):
        name = path[len(top) + 1 :]
        content = compiled(path, SHOWN_ROOT + b"/" + name)
        if content is not None:
            output.write(frame(name, content))
            output.flush()
    output.write(frame(b"", b""))
    output.close()


if __name__ == "__main__":
    main(sys.argv[1])
