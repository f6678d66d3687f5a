"""Databases for tests: every test that asks for ``database`` runs on SQLite and on a real PostgreSQL server.

The server is Debian's ``postgresql``, started once per session below a temporary directory, reached through a unix socket
there (so no port is taken), and stopped by its own process id. Where it is not installed, its tests are skipped on a laptop
and fail in CI.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

from raylambda.store.engine import Database, migrate, open_engine
from tests.waiting import until

_READY_S = 60.0


class PostgresqlServer:
    """One server with its own data directory; it can be killed and started again."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self._binaries = binaries
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the data directory. PostgreSQL refuses to run as root, so root hands everything to another user."""
        if os.geteuid() == 0:
            os.chown(self._directory, _server_user().pw_uid, _server_user().pw_gid)
        command: list[str | Path] = [
            self._binaries / "initdb",
            "-D",
            self._directory / "data",
            "-U",
            "raylambda",
            "-A",
            "trust",
            "-N",
        ]
        subprocess.run(
            [*_as_server_user(), *command, "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True
        )

    def start(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._directory),
            "fsync": "off",
            "max_connections": "200",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [self._binaries / "postgres", "-D", self._directory / "data", *arguments]
        with (self._directory / "log").open("ab") as log:
            # The death signal ends the server even when the test session is killed.
            self._process = subprocess.Popen(
                [*_as_server_user("--pdeathsig", "INT"), *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._wait_until_ready(self._process)

    def kill(self) -> None:
        """Stop at once, as a crash does: connections break, and the next start recovers."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def drop_database(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _url(self, database: str) -> str:
        return f"postgresql://raylambda@/{database}?host={quote(str(self._directory))}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(TimeoutError):
            until(lambda: self._answers() or process.poll() is not None, _READY_S)
        if not self._answers():
            raise RuntimeError(f"PostgreSQL did not start:\n{(self._directory / 'log').read_text()}")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(timeout=_READY_S)


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _as_server_user(*options: str) -> list[str]:
    if os.geteuid() != 0:
        return ["setpriv", *options, "--"] if options else []
    user = _server_user()
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *options, "--"]


def find_postgresql() -> Path:
    """The newest installed server's programs; without any, skip the test, or fail it in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).parent
    message = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """The session's server. Do not kill this one: see ``own_postgresql_server``."""
    yield from _running_server()


@pytest.fixture
def own_postgresql_server() -> Iterator[PostgresqlServer]:
    """A server that the test may kill and start again."""
    yield from _running_server()


def _running_server() -> Iterator[PostgresqlServer]:
    binaries = find_postgresql()
    # Not below pytest's own temporary directory: another user could not reach it, and socket paths are short.
    with tempfile.TemporaryDirectory(prefix="raylambda-pg-") as directory:
        server = PostgresqlServer(binaries, Path(directory))
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.stop()


def migrated(url: str = "sqlite://") -> Database:
    """The database of this URL, otherwise one in memory, at the newest schema."""
    engine = open_engine(url)
    migrate(engine)
    return Database(engine)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.sqlite"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of the test's own."""
    database = migrated(database_url)
    yield database
    database.close()
