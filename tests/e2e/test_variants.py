"""Platforms that are set up in other ways; each test starts one of its own, so there are few of them."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from raylambda.testing.platform import Platform, running_platform
from raylambda.testing.processes import Process, command_line, descendants
from tests.e2e.commands import RAYLAMBDA, REPOSITORY, Command
from tests.e2e.functions import called, client_of, deployed, log_lines
from tests.plugins.databases import PostgresqlServer
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)

NOBODY = 65534
ECHO = "def handler(event, context):\n    print('ran', event)\n    return event\n"
WHO = "import os\ndef handler(event, context):\n    return [os.getuid(), sorted(os.listdir('/'))]\n"


RAYS_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


def family_of(platform: Platform) -> list[Process]:
    """Every process of the platform but its first."""
    family = descendants(platform.process.pid)
    assert len(family) > 3, "a platform has Ray's processes, a host and environments"
    return family


def all_gone(family: list[Process]) -> bool:
    return not [process for process in family if process.runs]


def status_of(platform: Platform) -> str:
    done = Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(platform.home)})("status")
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_without_authentication_and_isolation_it_works_and_warns() -> None:
    with running_platform({"RAYLAMBDA_AUTH": "none", "RAYLAMBDA_ISOLATION": "process"}) as platform:
        ours = client_of(platform, aws_access_key_id="anybody", aws_secret_access_key="anything")
        theirs = client_of(platform, aws_access_key_id="111122223333", aws_secret_access_key="anything")
        mine = deployed(ours, ECHO, FunctionName="same-name")
        deployed(
            theirs, "def handler(event, context):\n    return context.invoked_function_arn\n", FunctionName="same-name"
        )

        assert called(ours, mine, "hello") == "hello"
        assert called(theirs, mine) == "arn:aws:lambda:us-east-1:111122223333:function:same-name"
        status = status_of(platform)
        printed = platform.log.read_text()
        assert "WARNING: RAYLAMBDA_AUTH=none: requests are not checked" in printed
        assert "WARNING: " in printed.partition("requests are not checked")[2]
        assert "requests: none" in status
        assert ": process\n" in status
        assert status.count("warning: ") >= 2


def test_without_authentication_other_machines_are_not_served(tmp_path: Path) -> None:
    command = Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(tmp_path), "RAYLAMBDA_AUTH": "none"})

    done = command("up", "--host", "0.0.0.0", "--port", "0")

    assert done.returncode == 1
    assert done.stderr == (
        "error: RAYLAMBDA_AUTH=none lets anybody run code; it is refused on 0.0.0.0: "
        "listen on 127.0.0.1, or set RAYLAMBDA_AUTH=sigv4\n"
    )


def test_isolation_that_the_node_does_not_have_ends_the_start(tmp_path: Path) -> None:
    without_bubblewrap = {"RAYLAMBDA_HOME": str(tmp_path), "PATH": str(RAYLAMBDA.parent)}

    done = Command(RAYLAMBDA, without_bubblewrap)("up", "--port", "0")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: bubblewrap is not installed: apt-get install bubblewrap, "
        "or set RAYLAMBDA_ISOLATION=process to run functions without isolation"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.jail
@pytest.mark.skipif(os.geteuid() != 0, reason="all end-to-end tests run as an ordinary user already")
def test_an_ordinary_user_runs_it() -> None:
    with tempfile.TemporaryDirectory(prefix="raylambda-user-") as folder:
        for name in ("home", "tmp"):
            (Path(folder) / name).mkdir()
            shutil.chown(Path(folder) / name, NOBODY, NOBODY)
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        folders = {str(REPOSITORY), sys.prefix, sys.base_prefix}
        script = str(Path(__file__).with_name("ordinary_user.sh"))
        prefix = ["unshare", "--mount", "sh", script, str(NOBODY), *sorted(folders), "--"]
        settings = {
            "HOME": str(home),
            "TMPDIR": str(Path(folder) / "tmp"),
            "RAYLAMBDA_HOME": str(home / "data"),
            "RAY_TMPDIR": str(Path(folder) / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with running_platform(settings, prefix) as platform:
            client = client_of(platform)
            name = deployed(client, WHO)

            user, root = called(client, name)
            status = status_of(platform)

            assert Path(f"/proc/{platform.process.pid}").stat().st_uid == NOBODY
            assert user == 993
            assert "home" not in root
            assert ": jail\n" in status
            assert "warning: " in status


@pytest.mark.postgresql
def test_postgresql_is_the_store_and_sigterm_ends_everything(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.create_database()
    with running_platform({"RAYLAMBDA_DATABASE_URL": url}) as platform:
        client = client_of(platform)
        name = deployed(client, ECHO)
        client.invoke(FunctionName=name, InvocationType="Event", Payload=b'"event"')

        assert called(client, name, [1]) == [1]
        until(lambda: "ran event" in log_lines(platform, name))
        assert "store: postgresql" in status_of(platform)
        assert not list(platform.home.glob("*.sqlite"))
        family = family_of(platform)
        platform.process.send_signal(signal.SIGTERM)
        assert platform.process.wait(timeout=60) == 0
        until(lambda: all_gone(family))
        assert "Traceback" not in platform.log.read_text()
        assert not (platform.home / "platform.json").exists()
    postgresql_server.drop_database(url)


SLOW = """
import time
def handler(event, context):
    print("began", event)
    if event == "block":
        time.sleep(600)
    print("ran", event)
"""


def test_functions_and_accepted_events_survive_a_kill(tmp_path: Path) -> None:
    settings = {"RAYLAMBDA_HOME": str(tmp_path / "home"), "RAYLAMBDA_ASYNC_RETRY_WAITS_S": "0.2,0.4"}
    with running_platform(settings) as platform:
        client = client_of(platform)
        name = deployed(client, SLOW, Timeout=900)
        busy = client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        assert busy["ReservedConcurrentExecutions"] == 1
        client.invoke(FunctionName=name, InvocationType="Event", Payload=b'"block"')
        until(lambda: "began block" in log_lines(platform, name))
        accepted = [_accepted(client, name, mark) for mark in ("one", "two", "three")]
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=10)
        family = family_of(platform)
        # When their node is killed, Ray's agents try for a minute to tell the head, which is gone too.
        agents = [process for process in family if " ".join(command_line(process)).startswith(RAYS_AGENTS)]
        platform.process.kill()
        platform.process.wait()
        until(lambda: all_gone([process for process in family if process not in agents]))

    assert accepted == [202, 202, 202]
    with running_platform(settings) as platform:
        client = client_of(platform)
        assert client.get_function(FunctionName=name)["Configuration"]["State"] == "Active"
        until(lambda: {"ran one", "ran two", "ran three"} <= set(log_lines(platform, name)), within_s=120)
        assert called(client, name, "direct") is None
    until(lambda: all_gone(family), within_s=90)


def _accepted(client: Any, name: str, mark: str) -> int:
    status: int = client.invoke(FunctionName=name, InvocationType="Event", Payload=f'"{mark}"'.encode())["StatusCode"]
    return status
