"""The main job from nothing to a result: start a platform, deploy a function with boto3, describe photographs with it."""

from __future__ import annotations

import base64
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from rich import box
from rich.console import Console
from rich.table import Table

from raylambda.sdk import Client, LogQuery
from raylambda.sdk.packaging import built_package
from raylambda.testing.platform import Platform, PlatformFailed, running_platform

SOURCE = Path(__file__).parent / "function"
PHOTOGRAPHS = sorted((Path(__file__).parent / "photographs").glob("*.jpg"))
FUNCTION = "image-metadata"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"  # the node has this one, for it runs the demo

# Where no terminal says its width, in a log for example, the table has the width that it needs.
console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 120)


@dataclass(frozen=True)
class Answer:
    """What one invocation returned, and how long the client waited for it."""

    description: dict[str, Any]
    waited_ms: float


def main() -> int:
    """Run the demo; the exit status is 0 when every photograph came back described."""
    try:
        with console.status("Starting a Ray cluster and a front door ...") as status, running_platform() as platform:
            status.stop()
            console.print(f"A platform answers at {platform.endpoint} after {platform.started_in_s:.1f} s.")
            show(platform)
            status.update("Stopping the platform and removing its data ...")
            status.start()
    except PlatformFailed as failure:
        console.print(f"[red]{failure}[/red]")
        return 1
    console.print(HOW_TO_GO_ON)
    return 0


def show(platform: Platform) -> None:
    """All that a newcomer wants to see, in the order of a first day with Lambda."""
    client = lambda_client(platform)
    deploy(client, platform.home / "dependencies")
    describe_photographs(client)
    describe_as_events(client, platform)
    publish(client)


def lambda_client(platform: Platform) -> Any:
    """boto3's own Lambda client: only the endpoint and the key differ from AWS."""
    return boto3.client(
        "lambda",
        **platform.boto3_arguments(),
        config=Config(retries={"max_attempts": 0}, read_timeout=120),
    )


def deploy(client: Any, cache: Path) -> None:
    """Package with Pillow and register over the AWS API."""
    with console.status("Packaging the function with Pillow ..."), built_package(SOURCE, RUNTIME, cache) as built:
        package = built.path.read_bytes()
    with console.status("Deploying with boto3 ..."):
        client.create_function(
            FunctionName=FUNCTION,
            Runtime=RUNTIME,
            Role="arn:aws:iam::123456789012:role/demo",
            Handler="app.handler",
            Code={"ZipFile": package},
            MemorySize=512,
            Timeout=30,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
    console.print(f"Deployed {FUNCTION} ({len(package) / 1e6:.1f} MB, {RUNTIME}).")


def describe_photographs(client: Any) -> None:
    """Invoke for all pictures at once, so that each gets an environment of its own, then again when those are warm."""
    with ThreadPoolExecutor(len(PHOTOGRAPHS)) as pool, console.status("Invoking for every photograph ..."):
        cold = list(pool.map(lambda photograph: invoke(client, photograph), PHOTOGRAPHS))
    with console.status("Invoking again ..."):
        warm = [invoke(client, photograph) for photograph in PHOTOGRAPHS]
    console.print(results_table(cold, warm))


def invoke(client: Any, photograph: Path) -> Answer:
    """One synchronous invocation; a function error ends the demo with its text."""
    began = time.perf_counter()
    answer = client.invoke(FunctionName=FUNCTION, Payload=event(photograph))
    body = json.loads(answer["Payload"].read())
    waited_ms = (time.perf_counter() - began) * 1000
    if "FunctionError" in answer:
        raise SystemExit(f"{photograph.name}: {body}")
    return Answer(body, waited_ms)


def event(photograph: Path) -> bytes:
    """The function's event: the picture's name and its bytes."""
    return json.dumps({"name": photograph.name, "image": base64.b64encode(photograph.read_bytes()).decode()}).encode()


def results_table(cold: list[Answer], warm: list[Answer]) -> Table:
    """One row a picture; times are what the client waited."""
    title = "Photographs, described in jailed environments"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("photograph", overflow="fold")
    table.add_column("picture", no_wrap=True)
    table.add_column("EXIF", no_wrap=True)
    for column in ("colours", "thumb"):
        table.add_column(column, no_wrap=True)
    for column in ("cold ms", "warm ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for first, second in zip(cold, warm, strict=True):
        table.add_row(*_cells(second.description), f"{first.waited_ms:.0f}", f"{second.waited_ms:.0f}")
    return table


def _cells(description: dict[str, Any]) -> list[str]:
    exif = description["exif"]
    return [
        Path(description["name"]).stem,
        f"{description['format']} {description['width']} x {description['height']}",
        exif.get("DateTime", f"{len(exif)} tags").partition(" ")[0] if exif else "-",
        _colours(description["colours"]),
        f"{len(base64.b64decode(description['thumbnail'])) / 1024:.1f} KB",
    ]


def _colours(colours: list[str]) -> str:
    """A block of each colour, where there are colours, and the name of the first."""
    return "".join(f"[{colour}]█[/]" for colour in colours) + f" {colours[0]}"


def describe_as_events(client: Any, platform: Platform) -> None:
    """The same as events: accepted at once, run later, seen in the function's log."""
    accepted = time.time()
    for photograph in PHOTOGRAPHS:
        client.invoke(FunctionName=FUNCTION, InvocationType="Event", Payload=event(photograph))
    waiting = {photograph.name for photograph in PHOTOGRAPHS}
    own_client = Client(platform.endpoint, platform.access_key_id, platform.secret, platform.region)
    with console.status("Events are accepted; waiting for them in the log ..."), closing(own_client):
        for record in own_client.logs(FUNCTION, LogQuery(since_ms=int(accepted * 1000), follow=True)):
            waiting.discard(described_name(record.message))
            if not waiting:
                break
    took_s = time.time() - accepted
    console.print(f"{len(PHOTOGRAPHS)} events were accepted, run and logged within {took_s:.1f} s.")


def described_name(line: str) -> str | None:
    """The photograph that a line of the function's log is about, if any."""
    if not line.startswith('{"described"'):
        return None
    name: str = json.loads(line)["described"]
    return name


def publish(client: Any) -> None:
    """Freeze the code as version 1 and give it a name that callers keep."""
    version = client.publish_version(FunctionName=FUNCTION)["Version"]
    client.get_waiter("published_version_active").wait(FunctionName=FUNCTION, Qualifier=version)
    client.create_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=version)
    answer = client.invoke(FunctionName=FUNCTION, Qualifier="live", Payload=event(PHOTOGRAPHS[0]))
    console.print(f"Published version {version}; alias live answers with version {answer['ExecutedVersion']}.")


HOW_TO_GO_ON = """
[bold]How to go on[/bold]
  make up                                   leave a platform running
  eval "$(.venv/bin/raylambda env)"         let boto3 and the AWS CLI find it
  .venv/bin/raylambda deploy examples/image_metadata/function --name image-metadata
  .venv/bin/raylambda logs image-metadata --follow
  make test                                 the tests
"""

if __name__ == "__main__":
    sys.exit(main())
