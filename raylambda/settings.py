"""One frozen settings object; nobody else reads the environment.

``Settings.from_environ(os.environ)`` is called once, by the CLI; every other part gets the pieces it needs as arguments.
Each field's name is the variable's, without ``RAYLAMBDA_`` and in lower case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from raylambda.model.host_name import read_authority


class SettingsError(Exception):
    """A variable has a value that cannot be used; the text names the variable and what it takes."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair and the account that its requests belong to."""

    access_key_id: str
    secret: str = field(repr=False)
    account: str


@dataclass(frozen=True)
class Settings:
    """Everything that an operator can set, with the defaults of a laptop."""

    home: Path = Path("~/.raylambda")
    """Data directory: database, code store, logs, root key; mode 0700."""
    host: str = "127.0.0.1"
    port: int = 8470
    ray_address: str | None = None
    """``None`` embeds a Ray head; otherwise the cluster to join."""
    region: str = "us-east-1"
    """What ``raylambda env`` prints; every request says its own region."""
    account_id: str = "123456789012"
    access_keys: tuple[AccessKey, ...] = ()
    """Empty: a root key is made at the first start and kept in ``home``, mode 0600."""
    auth: str = "sigv4"
    """``sigv4`` or ``none`` (loopback only)."""
    host_names: tuple[str, ...] = ()
    """What the front door is called beside loopback and its address; in the form of ``model.host_name.Authority.name``."""
    database_url: str | None = None
    """``None``: SQLite in ``home``."""
    function_env: Mapping[str, str] = field(default_factory=dict)
    """Added to every function's environment variables, below the function's own."""
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """Runtime name to interpreter path, before what the catalog finds by itself."""
    isolation: str = "jail"
    """``jail`` (bubblewrap) or ``process``."""
    network: str = "egress"
    """``egress``, ``none`` or ``host``."""
    egress_allow: tuple[str, ...] = ()
    """``host:port`` of services on the node or in the cluster that functions may reach."""
    concurrency: int = 1000
    """The account's concurrency limit in each region."""
    idle_timeout_s: float = 600.0
    """An environment that has served nothing for so long is shut down."""
    log_retention_days: float = 14.0
    cache_mb: int = 10_240
    """What unpacked code may take of a node's disk, and what the logs of deleted functions may take here; what was used
    longest ago goes, what is in use stays.
    """
    host_memory_mb: int | None = None
    """Memory slice of one host; ``None``: what the laptop has, 4096 on a cluster."""
    async_retry_waits_s: tuple[float, ...] = (60.0, 120.0)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read ``RAYLAMBDA_*``; raises ``SettingsError``."""
        account = _account(environ.get("RAYLAMBDA_ACCOUNT_ID", cls.account_id))
        choose = {
            "auth": ("sigv4", "none"),
            "isolation": ("jail", "process"),
            "network": ("egress", "none", "host"),
        }
        chosen = {name: _one_of(environ, name, options) for name, options in choose.items()}
        return cls(
            home=Path(environ.get("RAYLAMBDA_HOME", "~/.raylambda")).expanduser().absolute(),
            host=environ.get("RAYLAMBDA_HOST", cls.host),
            port=_port(environ, cls.port),
            ray_address=environ.get("RAYLAMBDA_RAY_ADDRESS"),
            region=environ.get("RAYLAMBDA_REGION", cls.region),
            account_id=account,
            access_keys=_access_keys(environ.get("RAYLAMBDA_ACCESS_KEYS", ""), account),
            host_names=_host_names(environ.get("RAYLAMBDA_HOST_NAMES", "")),
            database_url=environ.get("RAYLAMBDA_DATABASE_URL"),
            function_env=_string_map(environ, "FUNCTION_ENV"),
            runtimes=_string_map(environ, "RUNTIMES"),
            egress_allow=_destinations(environ.get("RAYLAMBDA_EGRESS_ALLOW", "")),
            concurrency=int(_number(environ, "CONCURRENCY", cls.concurrency)),
            idle_timeout_s=_number(environ, "IDLE_TIMEOUT_S", cls.idle_timeout_s),
            log_retention_days=_number(environ, "LOG_RETENTION_DAYS", cls.log_retention_days),
            cache_mb=int(_number(environ, "CACHE_MB", cls.cache_mb)),
            host_memory_mb=int(_number(environ, "HOST_MEMORY_MB", 0)) or None,
            async_retry_waits_s=_numbers(environ, "ASYNC_RETRY_WAITS_S", cls.async_retry_waits_s),
            **chosen,
        )


def _is_account(text: str) -> bool:
    return len(text) == 12 and text.isascii() and text.isdecimal()


def _account(text: str) -> str:
    if not _is_account(text):
        raise SettingsError(f"RAYLAMBDA_ACCOUNT_ID is {text!r}: it takes 12 digits")
    return text


def _one_of(environ: Mapping[str, str], name: str, options: tuple[str, ...]) -> str:
    variable = f"RAYLAMBDA_{name.upper()}"
    value = environ.get(variable, options[0])
    if value not in options:
        raise SettingsError(f"{variable} is {value!r}: it takes {' or '.join(options)}")
    return value


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(f"RAYLAMBDA_{name}", str(default))
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(f"RAYLAMBDA_{name} is {text!r}: it takes a number") from None
    if not 0 <= value < float("inf"):
        raise SettingsError(f"RAYLAMBDA_{name} is {text!r}: it takes a number that is not negative")
    return value


def _port(environ: Mapping[str, str], default: int) -> int:
    value = _number(environ, "PORT", default)
    if value > 65_535 or value % 1:
        raise SettingsError(f"RAYLAMBDA_PORT is {environ['RAYLAMBDA_PORT']!r}: it takes a port number")
    return int(value)


def _numbers(environ: Mapping[str, str], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    text = environ.get(f"RAYLAMBDA_{name}")
    if text is None:
        return default
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (-1.0,)
    if not all(0 <= value < float("inf") for value in values):
        raise SettingsError(f"RAYLAMBDA_{name} is {text!r}: it takes seconds separated by commas")
    return values


def _string_map(environ: Mapping[str, str], name: str) -> dict[str, str]:
    text = environ.get(f"RAYLAMBDA_{name}", "{}")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise SettingsError(f"RAYLAMBDA_{name} is not understood: it takes a JSON object of strings")
    return value


def _access_keys(text: str, account: str) -> tuple[AccessKey, ...]:
    keys = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        parts = item.split(":")
        if len(parts) not in {2, 3} or not all(parts):
            raise SettingsError("RAYLAMBDA_ACCESS_KEYS is not understood: it takes id:secret[:account],...")
        if len(parts) == 3 and not _is_account(parts[2]):
            raise SettingsError(
                "RAYLAMBDA_ACCESS_KEYS has a bad account: it takes id:secret[:account],... with 12 digits"
            )
        keys.append(AccessKey(parts[0], parts[1], parts[2] if len(parts) == 3 else account))
    return tuple(keys)


def _host_names(text: str) -> tuple[str, ...]:
    names = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        # An IPv6 address needs no brackets where no port follows.
        authority = read_authority(f"[{item}]" if item.count(":") > 1 and not item.startswith("[") else item)
        if authority is None or authority.port is not None:
            raise SettingsError(f"RAYLAMBDA_HOST_NAMES has {item!r}: it takes host names or addresses, without ports")
        names.append(authority.name)
    return tuple(names)


def _destinations(text: str) -> tuple[str, ...]:
    destinations = tuple(filter(None, (part.strip() for part in text.split(","))))
    for destination in destinations:
        host, _, port = destination.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise SettingsError(f"RAYLAMBDA_EGRESS_ALLOW has {destination!r}: it takes host:port,...")
    return destinations
