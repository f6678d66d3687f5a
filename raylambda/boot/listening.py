"""The front door's socket, and what people should know of its address."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from raylambda.boot import BootError

_PRIVILEGED_BELOW = 1024
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what a client on this machine connects to instead


@contextmanager
def listener(host: str, port: int) -> Iterator[socket.socket]:
    """The socket, bound and not yet listening; 0 takes a free port. Raises ``BootError``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            raise BootError(refusal(host, port, error)) from None
        yield bound


def refusal(host: str, port: int, error: OSError) -> str:
    """Why nobody can listen there, and the way out. Pure."""
    text = f"cannot listen on {host}:{port}: {error.strerror}"
    if error.errno == errno.EACCES and port < _PRIVILEGED_BELOW:
        return f"{text}; ports below {_PRIVILEGED_BELOW} need root or CAP_NET_BIND_SERVICE: choose another with --port"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{text}; give an address of this machine with --host"
    return f"{text}; choose another with --port"


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to it. Pure."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def announcements(host: str, port: int) -> Iterator[str]:
    """What is unusual about an address, for people who may not have meant it. Pure."""
    if port < _PRIVILEGED_BELOW:
        yield f"port {port} is below {_PRIVILEGED_BELOW}, where services of the system are expected"
    if not is_loopback(host):
        where = "every address of this machine" if host in _ANY_ADDRESS else host
        yield (
            f"other machines can connect to {where}: whoever holds a key runs code here. "
            "Requests are signed and not encrypted: put a TLS proxy before it where the network is not yours"
        )


def endpoint_of(host: str, bound: socket.socket) -> str:
    """The URL for the commands of this machine."""
    host = _ANY_ADDRESS.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
