"""The system calls that a guest may not make, as a classic BPF program that ``bwrap --seccomp`` loads.

A deny list with errors rather than kills, so that libraries that probe fall back. What is on it: everything about mounts,
namespaces, kernel modules, keys, BPF, tracing, clocks and reboot; io_uring, whose calls no filter sees; and looking into
another process, because process 1 has the guest's own user and must outlive what runs in the jail. ``clone3`` hides its flags
in memory, so it "does not exist" and C libraries use ``clone``. Sockets are local, IPv4, IPv6 and netlink: other families have
no use for a function, and some (vsock) ignore network namespaces.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Mapping
from typing import Final

_LOAD_WORD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER_EQUAL: Final = 0x35
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_ERROR: Final = 0x00050000
_NUMBER_OFFSET: Final = 0
_ARCHITECTURE_OFFSET: Final = 4
_FIRST_ARGUMENT_OFFSET: Final = 16
_X32_BIT: Final = 0x40000000

NAMESPACE_FLAGS: Final = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NEW_TIME_FLAG: Final = 0x80  # in ``clone`` these bits are the exit signal
SOCKET_FAMILIES: Final = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK

AUDIT_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_ONLY_X86_64: Final = {
    "create_module": 174,
    "get_kernel_syms": 177,
    "iopl": 172,
    "ioperm": 173,
    "query_module": 178,
    "uselib": 134,
    "_sysctl": 156,
    "nfsservctl": 180,
}

# name: (x86_64, aarch64); from 424 on the two share their numbers
_DENIED: Final = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_SOCKET: Final = (41, 198)
_UNSHARE: Final = (272, 97)


def supported(machine: str | None = None) -> bool:
    return (machine or platform.machine()) in AUDIT_ARCHITECTURES


def denied_calls(machine: str) -> Mapping[str, int]:
    """Names and numbers of the calls that always fail with EPERM."""
    column = _column(machine)
    own = _ONLY_X86_64 if machine == "x86_64" else {}
    return {name: numbers[column] for name, numbers in _DENIED.items()} | own


def filter_program(machine: str | None = None) -> bytes:
    """The program for this machine's (or the named) architecture, as ``struct sock_filter[]``."""
    machine = machine or platform.machine()
    column = _column(machine)
    rows = [
        _row(_LOAD_WORD, _ARCHITECTURE_OFFSET),
        _row(_JUMP_EQUAL, AUDIT_ARCHITECTURES[machine], 1, 0),
        _fail(errno.ENOSYS),
        _row(_LOAD_WORD, _NUMBER_OFFSET),
    ]
    if machine == "x86_64":
        rows += [_row(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1), _fail(errno.ENOSYS)]
    for number in sorted(denied_calls(machine).values()):
        rows += _when_call(number, [_fail(errno.EPERM)])
    rows += _when_call(_CLONE3[column], [_fail(errno.ENOSYS)])
    rows += _when_call(_CLONE[column], _flags_refused(NAMESPACE_FLAGS))
    rows += _when_call(_UNSHARE[column], _flags_refused(NAMESPACE_FLAGS | NEW_TIME_FLAG))
    rows += _when_call(_SOCKET[column], _families_only(SOCKET_FAMILIES))
    rows.append(_row(_RETURN, _ALLOW))
    return b"".join(rows)


def _column(machine: str) -> int:
    return tuple(AUDIT_ARCHITECTURES).index(machine)


def _row(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, value)


def _fail(number: int) -> bytes:
    return _row(_RETURN, _ERROR | number)


def _when_call(number: int, rows: list[bytes]) -> list[bytes]:
    """``rows`` for this call only; they all end in a return."""
    return [_row(_JUMP_EQUAL, number, 0, len(rows)), *rows]


def _flags_refused(mask: int) -> list[bytes]:
    return [
        _row(_LOAD_WORD, _FIRST_ARGUMENT_OFFSET),
        _row(_JUMP_ANY_BIT, mask, 0, 1),
        _fail(errno.EPERM),
        _row(_RETURN, _ALLOW),
    ]


def _families_only(families: Iterable[int]) -> list[bytes]:
    families = tuple(families)
    tests = [_row(_JUMP_EQUAL, family, len(families) - index, 0) for index, family in enumerate(families)]
    return [_row(_LOAD_WORD, _FIRST_ARGUMENT_OFFSET), *tests, _fail(errno.EAFNOSUPPORT), _row(_RETURN, _ALLOW)]
