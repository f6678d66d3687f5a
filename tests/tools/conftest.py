"""One platform for all tools, and the tools, installed from lock files into folders that are thrown away."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from raylambda.testing.platform import Platform, running_platform
from tests.builders import a_zip
from tests.tools.catalog import HERE, REPOSITORY

ROLE = "arn:aws:iam::123456789012:role/tools"
APP = {"app.py": "def handler(event, context):\n    return {'item': event.get('number')}\n"}
ON_LAMBDA_ALREADY = {"boto3", "botocore", "s3transfer", "bin"}
UV = Path(sys.executable).parent / "uv"


def missing(what: str) -> None:
    """What is not there is a failure where the tests must run, and a reason to skip on a laptop."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def install(command: Sequence[str | Path], folder: Path, **variables: str) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            check=True,
            capture_output=True,
            text=True,
            timeout=240,
        )
    except FileNotFoundError as error:
        missing(f"{error.filename} is not installed")
    except subprocess.CalledProcessError as error:
        missing(f"{command[0]} could not install: {error.stderr[-500:]}")


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with running_platform() as platform:
        client = boto3.client("lambda", **platform.boto3_arguments())
        package = {"ZipFile": a_zip(APP)}
        client.create_function(
            FunctionName="tools", Runtime="python3.11", Handler="app.handler", Role=ROLE, Code=package
        )
        client.get_waiter("function_active_v2").wait(FunctionName="tools", WaiterConfig={"Delay": 1})
        yield platform


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where the programs or packages of a group are; installs them when they are first asked for."""

    def python_clients(folder: Path) -> None:
        install([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], folder)
        lock = HERE / "python_clients" / "requirements.lock"
        install([UV, "pip", "sync", "--require-hashes", lock], folder, VIRTUAL_ENV=str(folder / ".venv"))

    def python_functions(folder: Path) -> None:
        lock = HERE / "python_functions" / "requirements.lock"
        options = ["--require-hashes", "--no-deps", "--python-version", "3.11"]
        install([UV, "pip", "install", *options, "--target", folder, "-r", lock], folder)
        shutil.copytree(HERE / "python_functions", folder, dirs_exist_ok=True)

    def node(group: str, folder: Path) -> None:
        shutil.copytree(HERE / group, folder, dirs_exist_ok=True)
        install(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    @cache
    def _installed(group: str) -> Path:
        folder = tmp_path_factory.mktemp(group)
        match group:
            case "python_clients":
                python_clients(folder)
            case "python_functions":
                python_functions(folder)
            case "node_clients" | "node_functions":
                node(group, folder)
        return folder

    return _installed


def package_of(folder: Path) -> bytes:
    """A zip of a folder of functions, without what functions find on Lambda and what they never read."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            unread = inside.parts[0] in ON_LAMBDA_ALREADY or path.suffix in {".map", ".ts", ".pyi", ".pyc"}
            if path.is_file() and not path.is_symlink() and not unread:
                archive.write(path, inside)
    return written.getvalue()


@pytest.fixture(scope="session")
def function(platform: Platform, installed: Callable[[str], Path]) -> Callable[[str, str], tuple[Any, str]]:
    """The function that has all libraries of a group, told which handler it has now."""
    client = boto3.client("lambda", **platform.boto3_arguments())

    @cache
    def created(group: str) -> None:
        runtime = "python3.11" if group.startswith("python") else f"nodejs{node_version()}.x"
        package = package_of(installed(group))
        variables: Mapping[str, str] = {"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "AWS_XRAY_LOG_LEVEL": "silent"}
        client.create_function(
            FunctionName=group,
            Runtime=runtime,
            Handler="handlers.none",
            Role=ROLE,
            Code={"ZipFile": package},
            Timeout=30,
            MemorySize=512,
            Environment={"Variables": variables},
        )
        client.get_waiter("function_active_v2").wait(FunctionName=group, WaiterConfig={"Delay": 1})

    def _function(group: str, handler: str) -> tuple[Any, str]:
        created(group)
        client.update_function_configuration(FunctionName=group, Handler=handler)
        client.get_waiter("function_updated_v2").wait(FunctionName=group, WaiterConfig={"Delay": 1})
        return client, group

    return _function


def node_version() -> str:
    return (
        subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
        .stdout.strip("v")
        .split(".")[0]
    )


@pytest.fixture
def shell(platform: Platform, tmp_path: Path) -> dict[str, str]:
    """What `raylambda env` says, and nothing of this shell's own AWS."""
    (tmp_path / "package.zip").write_bytes(a_zip(APP))
    (tmp_path / "app.py").write_text(APP["app.py"])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RAYLAMBDA_"))}
    return {
        **kept,
        "AWS_ENDPOINT_URL_LAMBDA": platform.endpoint,
        "AWS_ACCESS_KEY_ID": platform.access_key_id,
        "AWS_SECRET_ACCESS_KEY": platform.secret,
        "AWS_REGION": platform.region,
        "AWS_DEFAULT_REGION": platform.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "SLS_TELEMETRY_DISABLED": "1",
        "HOME": str(tmp_path),
        "PATH": os.pathsep.join([str(REPOSITORY / ".venv-awscli" / "bin"), kept["PATH"]]),
    }
