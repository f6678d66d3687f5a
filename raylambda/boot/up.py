"""What `raylambda up` does: check, claim the home, bind, join Ray, serve until told to stop, and say each step."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray
import uvloop

from raylambda.boot import BootError
from raylambda.boot.front_door import own_key
from raylambda.boot.platform import Platform, open_database, open_platform
from raylambda.boot.ray_cluster import ray_cluster
from raylambda.frontdoor.app import create_app
from raylambda.frontdoor.server import FrontDoorServer, make_server
from raylambda.home import PlatformNote, locked, noted
from raylambda.hosts.ports import HostUnfit
from raylambda.model.clock import SystemClock
from raylambda.settings import Settings

Say = Callable[[str], None]

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what a client on this machine connects to instead


def run(settings: Settings, say: Say) -> None:
    """Run a platform until SIGINT or SIGTERM; ``say`` gets a line for every step.

    Raises ``BootError`` and ``HomeUnusable``, before Ray starts for what can be known before.
    """
    _check(settings)
    with locked(settings.home), _listener(settings) as listener:
        open_database(settings).close()
        say("Starting Ray" if settings.ray_address is None else f"Joining the Ray cluster at {settings.ray_address}")
        with ray_cluster(settings) as dashboard_url:
            uvloop.run(_serve(settings, listener, dashboard_url, say))


def _check(settings: Settings) -> None:
    if settings.auth == "none" and settings.host not in _LOOPBACK:
        raise BootError(
            f"RAYLAMBDA_AUTH=none lets anybody run code; it is refused on {settings.host}: "
            "listen on 127.0.0.1, or set RAYLAMBDA_AUTH=sigv4"
        )
    if settings.ray_address is not None and "://" in settings.ray_address:
        raise BootError("the platform runs on a node of its Ray cluster: give `auto` or the head's host:port")


@contextmanager
def _listener(settings: Settings) -> Iterator[socket.socket]:
    """The front door's socket, bound before Ray starts: a port in use is known at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise BootError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port"
            ) from None
        yield listener


async def _serve(settings: Settings, listener: socket.socket, dashboard_url: str | None, say: Say) -> None:
    async with open_platform(settings, SystemClock(), dashboard_url=dashboard_url) as platform:
        server = make_server(create_app(platform.front_door), platform.front_door.logs.close)
        note = _note(settings, listener)
        with noted(settings.home, note):
            announcing = asyncio.create_task(_announce(platform, settings, note.endpoint, say))
            announcing.add_done_callback(lambda done: _stop_if_failed(done, server))
            await server.serve(sockets=[listener])
            if announcing.done():
                announcing.result()
            announcing.cancel()
            say("Stopping")


def _stop_if_failed(announcing: asyncio.Task[None], server: FrontDoorServer) -> None:
    if not announcing.cancelled() and announcing.exception() is not None:
        server.should_exit = True


async def _announce(platform: Platform, settings: Settings, endpoint: str, say: Say) -> None:
    say("Starting a host for execution environments")
    try:
        await platform.fleet.ready()
    except HostUnfit as error:
        raise BootError(str(error)) from None
    if settings.auth == "none":
        say("WARNING: RAYLAMBDA_AUTH=none: requests are not checked; whoever reaches this port runs code here")
    for warning in sorted({warning for host in platform.hosts for warning in host.facts.warnings}):
        say(f"WARNING: {warning}")
    say(f"raylambda serves invocations at {endpoint}")
    say('Use it from another terminal: eval "$(raylambda env)"')
    say(f"Open {endpoint}/ in a browser to see how to connect")


def _note(settings: Settings, listener: socket.socket) -> PlatformNote:
    """Where this platform listens, and with which key, for the other commands of this machine."""
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    key = own_key(settings)
    return PlatformNote(
        endpoint=f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}",
        region=settings.region,
        access_key_id=key.access_key_id,
        secret_access_key=key.secret,
        ray_address=ray.get_runtime_context().gcs_address,
        ray_auth_mode=os.environ.get("RAY_AUTH_MODE", "disabled"),  # Ray sets it when it turns its tokens on
    )
