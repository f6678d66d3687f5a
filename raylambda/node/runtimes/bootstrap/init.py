"""Process 1 of a guest: makes the Runtime API's socket, starts runtime processes on request, reaps, and kills on request.

Run as ``python -I -S init.py CONTROL_FD PORT [--forked] [--adopt] [--own-user]``. Both directions of the control socket (a stream) carry
frames: four bytes of length, most significant first, then fields separated by NUL, of which the first is the word:

=========================================================  ========================================================
host to process 1                                          process 1 to host
=========================================================  ========================================================
``run`` cwd, how, argc, argv..., env...                    ``hello`` with the listening socket, or ``no-socket`` text
``kill``                                                   ``started``, or ``not-started`` text
(closed: end, and everything with it)                      ``exited`` kind (``status``/``signal``), number, KiB at most
\\                                                         ``killed``: nothing but process 1 is left
=========================================================  ========================================================

*How* is ``forked``, the runtime process is a fork of process 1 in the Python runtime's loop, or ``executed``. With ``--forked`` that
loop is imported at once, without it at the first such command.

Every millisecond here is part of every cold start: so no json, and the C modules below ``socket`` and ``signal`` (6 ms each).
As process 1 of a namespace it cannot be killed from inside, and ``kill(-1)`` reaches everything else. Without a namespace
(``--adopt``) it adopts the orphans of its children and looks for its descendants in /proc instead. ``--own-user``: the
kernel counts this guest's processes apart from all others, so that the user's process limit can be the guest's.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import gc
import os
import resource
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BACKLOG = 64
CHILD_OOM_SCORE = 800
WAIT_FOR_CHILDREN_MS = 20
FILE_DESCRIPTORS = 1024
PROCESSES = 1024
LOCKED_MEMORY = 65536


def read_exactly(control: _socket.socket, count: int) -> bytes | None:
    parts = []
    while count:
        try:
            part = control.recv(min(count, 1 << 16))
        except OSError:
            return None
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_command(control: _socket.socket) -> list[bytes] | None:
    """The next command as a list of byte strings; ``None`` when the host is gone."""
    head = read_exactly(control, 4)
    body = head and read_exactly(control, int.from_bytes(head, "big"))
    return body.split(b"\0") if body else None


def frame(*fields: bytes) -> bytes:
    body = b"\0".join(fields)
    return len(body).to_bytes(4, "big") + body


def listen(port: int) -> _socket.socket:
    api = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    api.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    api.bind(("127.0.0.1", port))
    api.listen(BACKLOG)
    return api


def limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def adopt_orphans() -> None:
    """Make orphans of our children ours, as they would be in a namespace (prctl PR_SET_CHILD_SUBREAPER)."""
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def prefer_for_oom() -> None:
    """Let the kernel, when it must kill for memory, take this process before process 1. Raising needs no privilege."""
    with open("/proc/self/oom_score_adj", "r+b", 0) as score:
        if int(score.read()) < CHILD_OOM_SCORE:
            score.write(b"%d" % CHILD_OOM_SCORE)


def load_runtime() -> Any:
    """Import the Python runtime that lies beside this file."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, folder)
    try:
        import python_runtime  # type: ignore[import-not-found,unused-ignore]
    finally:
        sys.path.remove(folder)
    gc.freeze()  # a collection in a fork would copy what it looks at
    return python_runtime


def descendants() -> list[int]:
    """Process ids below this process, nearest first."""
    found = [os.getpid()]
    for pid in found:
        try:
            for task in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/children" % (pid, task)) as children:
                    found.extend(map(int, children.read().split()))
        except OSError:
            continue  # it ended while we looked; its children are ours by now
    return found[1:]


class Command:
    """What to run: ``forked`` as a fork of this process, or executed."""

    def __init__(self, fields: list[bytes]) -> None:
        count = int(fields[3])
        self.cwd = fields[1]
        self.forked = fields[2] == b"forked"
        self.argv = fields[4 : 4 + count]
        self.env = {}
        for field in fields[4 + count :]:
            name, _, value = field.partition(b"=")
            self.env[name] = value


class Init:
    """The loop of process 1. ``serve`` returns the Python runtime in a forked child, and nowhere else."""

    def __init__(self, control: _socket.socket) -> None:
        self.control = control
        self.runtime: int | None = None  # process id
        self.python_runtime: Any = None  # module, once imported
        self.woken, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self.woken, False)
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        _signal.signal(_signal.SIGCHLD, lambda number, where: None)
        _signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def report(self, *fields: bytes) -> None:
        try:
            self.control.sendall(frame(*fields))
        except OSError:
            return  # the host is gone, which the loop sees next

    def say_hello(self, port: int) -> None:
        try:
            api = listen(port)
        except OSError as error:
            self.report(b"no-socket", ("listen on port %d: %s" % (port, error.strerror)).encode())
            return
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, api.fileno().to_bytes(4, sys.byteorder))
        self.control.sendmsg([frame(b"hello")], [rights])
        api.close()

    def serve(self) -> Any:
        poll = select.poll()
        poll.register(self.control.fileno(), select.POLLIN)
        poll.register(self.woken, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self.woken in ready:
                os.read(self.woken, 4096)
                self.reap()
            if self.control.fileno() in ready:
                fields = read_command(self.control)
                if fields is None:
                    self.end_all()
                    os._exit(0)
                child = self.obey(fields)
                if child is not None:
                    return child

    def obey(self, fields: list[bytes]) -> Any:
        if fields[0] == b"run":
            return self.run(Command(fields))
        if fields[0] == b"kill":
            self.end_all()
            self.report(b"killed")
        return None

    def run(self, command: Command) -> Any:
        if command.forked and not self.prepare_fork():
            return None
        problem, started = os.pipe()
        pid = os.fork()
        if pid == 0:
            return self.become(command, started)
        os.close(started)
        with open(problem, "rb") as pipe:
            text = pipe.read()
        if text:
            self.report(b"not-started", text)
            return None
        self.runtime = pid
        self.report(b"started")
        self.reap()
        return None

    def prepare_fork(self) -> bool:
        """Import the Python runtime before the fork, so that its memory is shared; report why it cannot be."""
        try:
            self.python_runtime = self.python_runtime or load_runtime()
        except Exception as error:
            self.report(b"not-started", ("import python_runtime: %s" % error).encode("utf-8", "replace"))
            return False
        return True

    def become(self, command: Command, started: int) -> Any:
        """In the child: turn into the runtime process; returns the module to run, for a fork."""
        where = b"fork"
        try:
            os.setsid()
            prefer_for_oom()
            self.forget(started, command.forked)
            where = b"chdir " + command.cwd
            os.chdir(command.cwd)
            if command.forked:
                os.environ.clear()
                os.environb.update(command.env)
                os.close(started)
                return self.python_runtime
            where = b"fork/exec " + command.argv[0]
            os.execvpe(command.argv[0], command.argv, command.env)
        except OSError as error:
            os.write(started, where + b": " + (error.strerror or "failed").lower().encode())
        os._exit(127)

    def forget(self, started: int, forked: bool) -> None:
        """Drop what belongs to process 1: its descriptors and its signal handlers."""
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _signal.signal(_signal.SIGINT, _signal.default_int_handler if forked else _signal.SIG_DFL)
        if not forked:
            _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
            _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
        self.control.detach()
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) != started:
                try:
                    os.close(int(name))
                except OSError:
                    continue  # the listing's own descriptor

    def reap(self) -> None:
        try:
            while self.wait(os.WNOHANG):
                continue
        except ChildProcessError:
            return

    def wait(self, options: int) -> bool:
        """Reap one child; whether there was one. Raises ``ChildProcessError`` when there are no children at all."""
        pid, status, usage = os.wait4(-1, options)
        if pid and pid == self.runtime:
            self.runtime = None
            killed = os.WIFSIGNALED(status)
            number = os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)
            kind = b"signal" if killed else b"status"
            self.report(b"exited", kind, b"%d" % number, b"%d" % usage.ru_maxrss)
        return bool(pid)

    def end_all(self) -> None:
        """Kill everything but this process, and reap until nothing is left."""
        if os.getpid() == 1:
            try:
                os.kill(-1, _signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while True:
                if os.getpid() == 1:
                    self.wait(0)
                    continue
                for pid in descendants():
                    try:
                        os.kill(pid, _signal.SIGKILL)
                    except OSError:
                        continue  # gone by itself
                if not self.wait(os.WNOHANG):
                    select.select([], [], [], WAIT_FOR_CHILDREN_MS / 1000)
        except ChildProcessError:
            return


def main(arguments: list[str]) -> Any:
    if "--adopt" in arguments:
        adopt_orphans()
    limit(resource.RLIMIT_NOFILE, FILE_DESCRIPTORS)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_MEMLOCK, LOCKED_MEMORY)
    if "--own-user" in arguments:
        limit(resource.RLIMIT_NPROC, PROCESSES + 1)
    init = Init(_socket.socket(fileno=int(arguments[0])))
    init.say_hello(int(arguments[1]))
    if "--forked" in arguments:
        try:
            init.python_runtime = load_runtime()
        except Exception:
            init.python_runtime = None  # said when a command asks for it
    return init.serve()


if __name__ == "__main__":
    main(sys.argv[1:]).main()
