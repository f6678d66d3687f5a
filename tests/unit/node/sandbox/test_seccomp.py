"""The filter program, run by a small interpreter of classic BPF."""

from __future__ import annotations

import errno
import struct

import pytest

from raylambda.node.sandbox import seccomp

ALLOW = 0x7FFF0000
MACHINES = ("x86_64", "aarch64")
CLONE, CLONE3, SOCKET, UNSHARE = (
    {"x86_64": 56, "aarch64": 220},
    {"x86_64": 435, "aarch64": 435},
    {"x86_64": 41, "aarch64": 198},
    {"x86_64": 272, "aarch64": 97},
)


def verdict(machine: str, number: int, argument: int = 0, architecture: int | None = None) -> int:
    """What the program returns for one call: 0 when allowed, else the errno."""
    architecture = seccomp.AUDIT_ARCHITECTURES[machine] if architecture is None else architecture
    data = struct.pack("=IIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    program = list(struct.iter_unpack("=HBBI", seccomp.filter_program(machine)))
    accumulator = position = 0
    while True:
        code, when_true, when_false, value = program[position]
        position += 1
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif code == 0x06:
            return 0 if value == ALLOW else value & 0xFFFF
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            position += when_true if holds else when_false


@pytest.mark.parametrize("machine", MACHINES)
def test_every_denied_call_is_denied(machine: str) -> None:
    denied = seccomp.denied_calls(machine)

    assert {name for name, number in denied.items() if verdict(machine, number) != errno.EPERM} == set()
    assert {"mount", "umount2", "setns", "bpf", "ptrace", "io_uring_setup", "reboot", "init_module"} <= set(denied)


@pytest.mark.parametrize("machine", MACHINES)
def test_no_two_denied_calls_share_a_number(machine: str) -> None:
    numbers = seccomp.denied_calls(machine).values()

    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("machine", MACHINES)
def test_most_calls_are_allowed(machine: str) -> None:
    special = {CLONE3[machine], SOCKET[machine], *seccomp.denied_calls(machine).values()}

    assert {number for number in range(460) if verdict(machine, number)} == special


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_and_forks_are_allowed_and_namespaces_are_not(machine: str) -> None:
    thread, fork = 0x3D0F00, 0x1200011

    assert verdict(machine, CLONE[machine], thread) == verdict(machine, CLONE[machine], fork) == 0
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert verdict(machine, CLONE[machine], fork | 1 << bit) == errno.EPERM
        assert verdict(machine, UNSHARE[machine], 1 << bit) == errno.EPERM
    assert verdict(machine, UNSHARE[machine], 0x400) == 0  # CLONE_FILES
    assert verdict(machine, UNSHARE[machine], seccomp.NEW_TIME_FLAG) == errno.EPERM
    assert verdict(machine, CLONE3[machine]) == errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_socket_families(machine: str) -> None:
    allowed = {family for family in range(50) if verdict(machine, SOCKET[machine], family) == 0}

    assert allowed == {1, 2, 10, 16}
    assert verdict(machine, SOCKET[machine], 40) == errno.EAFNOSUPPORT


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_architecture_do_not_exist(machine: str) -> None:
    assert verdict(machine, 1, architecture=0x40000003) == errno.ENOSYS


def test_x32_calls_do_not_exist() -> None:
    assert verdict("x86_64", 0x40000000 | 1) == errno.ENOSYS


def test_only_known_processors_are_supported() -> None:
    assert seccomp.supported("x86_64")
    assert seccomp.supported("aarch64")
    assert not seccomp.supported("riscv64")
