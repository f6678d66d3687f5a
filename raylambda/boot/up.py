"""What `raylambda up` does: check, claim the home, bind, join Ray, serve until told to stop, and say each step."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Protocol

import ray
import uvloop

from raylambda.boot import BootError
from raylambda.boot.front_door import own_key
from raylambda.boot.listening import announcements, endpoint_of, is_loopback, listener
from raylambda.boot.platform import Platform, open_database, open_platform
from raylambda.boot.ray_cluster import ray_cluster
from raylambda.frontdoor.app import create_app
from raylambda.frontdoor.server import FrontDoorServer, make_server
from raylambda.home import PlatformNote, locked, noted
from raylambda.hosts.ports import HostUnfit
from raylambda.model.clock import SystemClock
from raylambda.settings import Settings


class Say(Protocol):
    """Is told every step of starting and stopping; ``waits`` when the next one may take a while, ``facts`` for programs."""

    def __call__(self, text: str, *, warning: bool = False, waits: bool = False, **facts: str) -> None: ...


def run(settings: Settings, say: Say) -> None:
    """Run a platform until SIGINT or SIGTERM; ``say`` gets a line for every step.

    Raises ``BootError`` and ``HomeUnusable``, before Ray starts for what can be known before.
    """
    _check(settings)
    with locked(settings.home), listener(settings.host, settings.port) as bound:
        open_database(settings).close()
        url = settings.database_url
        say(f"Functions and events are in {'SQLite' if url is None else url.partition(':')[0]}, home: {settings.home}")
        _announce_address(settings, bound, say)
        if settings.ray_address is None:
            say("Starting Ray", waits=True)
        else:
            say(f"Joining the Ray cluster at {settings.ray_address}", waits=True)
        with ray_cluster(settings) as dashboard_url:
            say(f"Ray runs at {ray.get_runtime_context().gcs_address}")
            uvloop.run(_serve(settings, bound, dashboard_url, say))


def _announce_address(settings: Settings, bound: socket.socket, say: Say) -> None:
    port = bound.getsockname()[1]
    say(f"The front door has {settings.host}:{port}")
    for text in announcements(settings.host, port):
        say(text, warning=True)


def _check(settings: Settings) -> None:
    if settings.auth == "none" and not is_loopback(settings.host):
        raise BootError(
            f"RAYLAMBDA_AUTH=none lets anybody run code; it is refused on {settings.host}: "
            "listen on 127.0.0.1, or set RAYLAMBDA_AUTH=sigv4"
        )
    if settings.ray_address is not None and "://" in settings.ray_address:
        raise BootError("the platform runs on a node of its Ray cluster: give `auto` or the head's host:port")


async def _serve(settings: Settings, bound: socket.socket, dashboard_url: str | None, say: Say) -> None:
    async with open_platform(settings, SystemClock(), dashboard_url=dashboard_url) as platform:
        server = make_server(create_app(platform.front_door), platform.front_door.logs.close)
        note = _note(settings, bound)
        with noted(settings.home, note):
            announcing = asyncio.create_task(_announce(platform, settings, note.endpoint, say))
            announcing.add_done_callback(lambda done: _stop_if_failed(done, server))
            await server.serve(sockets=[bound])
            if announcing.done():
                announcing.result()
            announcing.cancel()
            say("Stopping")


def _stop_if_failed(announcing: asyncio.Task[None], server: FrontDoorServer) -> None:
    if not announcing.cancelled() and announcing.exception() is not None:
        server.should_exit = True


async def _announce(platform: Platform, settings: Settings, endpoint: str, say: Say) -> None:
    say("Starting a host for execution environments", waits=True)
    try:
        await platform.fleet.ready()
    except HostUnfit as error:
        raise BootError(str(error)) from None
    for facts in {(host.facts.isolation[0], host.facts.runtimes) for host in platform.hosts}:
        say(f"A host is ready: isolation {facts[0]}, runtimes {', '.join(facts[1])}")
    if settings.auth == "none":
        say("RAYLAMBDA_AUTH=none: requests are not checked; whoever reaches this port runs code here", warning=True)
    for warning in sorted({warning for host in platform.hosts for warning in host.facts.warnings}):
        say(warning, warning=True)
    say(f"raylambda serves invocations at {endpoint}", endpoint=endpoint)
    say('Use it from another terminal: eval "$(raylambda env)"')
    say(f"Open {endpoint}/ in a browser to see how to connect")


def _note(settings: Settings, bound: socket.socket) -> PlatformNote:
    """Where this platform listens, and with which key, for the other commands of this machine."""
    key = own_key(settings)
    return PlatformNote(
        endpoint=endpoint_of(settings.host, bound),
        region=settings.region,
        access_key_id=key.access_key_id,
        secret_access_key=key.secret,
        ray_address=ray.get_runtime_context().gcs_address,
        ray_auth_mode=os.environ.get("RAY_AUTH_MODE", "disabled"),  # Ray sets it when it turns its tokens on
    )
