"""`list`, `get` and `delete`: functions."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from raylambda.cli.arguments import add_function, add_json, add_qualifier
from raylambda.cli.connection import connect, connection
from raylambda.cli.output import progress, say, show, show_json, show_table, size_text

if TYPE_CHECKING:
    from raylambda.sdk import Client


def declare_list(parser: ArgumentParser) -> None:
    add_json(parser, "the functions' configurations as a JSON array")
    parser.set_defaults(run=list_functions)


def list_functions(as_json: bool) -> None:
    """A row for each function; where there is none, where there are some."""
    client = connect()
    with progress("Asking the platform ..."):
        found = sorted(client.list_functions(), key=lambda function: function.name)
    if as_json:
        show_json([dict(one.document) for one in found])
    elif found:
        rows = [
            (
                one.name,
                one.runtime,
                one.handler,
                f"{one.memory_mb} MB",
                f"{one.timeout_s} s",
                size_text(one.code_size),
                one.last_modified,
            )
            for one in found
        ]
        show_table(("NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "CODE", "LAST MODIFIED"), rows)
    else:
        say(nothing_in(connection().region, _regions(client)))


def nothing_in(region: str, regions: dict[str, int]) -> str:
    """What to say of a region without functions, where ``regions`` counts those of each."""
    elsewhere = [f"{count} in {place}" for place, count in sorted(regions.items()) if count and place != region]
    if not elsewhere:
        return f"no functions in {region}: `raylambda deploy DIR` makes one"
    return f"no functions in {region}; {', '.join(elsewhere)} (AWS_REGION chooses)"


def _regions(client: Client) -> dict[str, int]:
    from raylambda.sdk import ClientError  # noqa: PLC0415  # starts slowly

    try:
        regions: dict[str, int] = client.status().get("functions_in_regions", {})
    except ClientError:  # something else that speaks Lambda's API
        return {}
    return regions


def declare_get(parser: ArgumentParser) -> None:
    add_function(parser)
    add_qualifier(parser, "a version or an alias")
    add_json(parser, "it always is a JSON object")
    parser.set_defaults(run=get)


def get(name: str, qualifier: str | None, as_json: bool) -> None:
    """A function's configuration and where its code is."""
    with progress("Asking the platform ..."):
        found = connect().get_function(name, qualifier)
    show_json({**found.document, "CodeLocation": found.code_location, "Tags": dict(found.tags)})


def declare_delete(parser: ArgumentParser) -> None:
    add_function(parser)
    add_qualifier(parser, "only this version")
    add_json(parser, "what was deleted, as a JSON object")
    parser.set_defaults(run=delete)


def delete(name: str, qualifier: str | None, as_json: bool) -> None:
    """Delete a function with its versions and aliases, or one version."""
    with progress(f"Deleting {name} ..."):
        connect().delete_function(name, qualifier)
    if as_json:
        show_json({"Deleted": name, "Qualifier": qualifier})
    else:
        show(f"deleted {name}{f':{qualifier}' if qualifier else ''}")
