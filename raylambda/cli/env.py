"""`env`: this machine's platform for AWS's tools, as variables of a shell or as a profile."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser
from collections.abc import Mapping

from raylambda.cli.arguments import add_json
from raylambda.cli.output import hint, say, show, show_json
from raylambda.cli.profiles import SharedFiles
from raylambda.home import PlatformNote, read_note
from raylambda.settings import Settings


def declare(parser: ArgumentParser) -> None:
    parser.description = (
        "Print the lines that let boto3, the AWS CLI, SAM and `ray` find this machine's platform: "
        'eval "$(raylambda env)". Calls of other AWS services go where they went before.'
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="write a profile to AWS's shared files instead: keys of the shell stay in force",
    )
    add_json(parser, "the variables, or what was written where, as a JSON object")
    parser.set_defaults(run=env)


def env(profile: str | None, as_json: bool) -> None:
    """Say where this machine's platform is, or write it to AWS's files."""
    found = read_note(Settings.from_environ(os.environ).home)
    if profile is not None:
        _write_profile(profile, found, as_json)
        return
    variables = _variables(found)
    if as_json:
        show_json(variables)
    else:
        for name, value in variables.items():
            show(f"export {name}={shlex.quote(value)}")
        # A session token of other credentials would make the key unknown.
        show("unset AWS_SESSION_TOKEN")
    if os.environ.get("AWS_ACCESS_KEY_ID", found.access_key_id) != found.access_key_id:
        hint(
            "These lines replace the AWS keys of this shell. To keep them: raylambda env --profile raylambda, "
            "and AWS_PROFILE=raylambda where the platform is meant."
        )


def _variables(note: PlatformNote) -> Mapping[str, str]:
    """AWS_ENDPOINT_URL is left alone: it would take over every other service."""
    return {
        "AWS_ENDPOINT_URL_LAMBDA": note.endpoint,
        "AWS_ACCESS_KEY_ID": note.access_key_id,
        "AWS_SECRET_ACCESS_KEY": note.secret_access_key,
        "AWS_REGION": note.region,
        "AWS_DEFAULT_REGION": note.region,
        "RAY_ADDRESS": note.ray_address,
        "RAY_AUTH_MODE": note.ray_auth_mode,
    }


def _write_profile(name: str, note: PlatformNote, as_json: bool) -> None:
    files = SharedFiles.of(os.environ)
    files.write(name, note.endpoint, note.region, note.access_key_id, note.secret_access_key)
    if as_json:
        show_json({"profile": name, "config": str(files.config), "credentials": str(files.credentials)})
        return
    show(f"wrote the profile {name} to {files.config} and {files.credentials}")
    say(f"use it: aws --profile {name} lambda list-functions, or AWS_PROFILE={name} for boto3 and raylambda")
    in_force = [variable for variable in ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_LAMBDA") if os.environ.get(variable)]
    if in_force:
        hint(f"{' and '.join(in_force)} of this shell come before any profile that AWS_PROFILE names")
