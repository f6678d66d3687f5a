"""The README says what the code does: its operations and its settings."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from raylambda.services.lambda_.operations_table import replaced
from raylambda.settings import Settings

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text("utf-8")


def test_the_operations_are_those_of_the_table() -> None:
    assert replaced(README) == README, "run: python -m raylambda.services.lambda_.operations_table"


def test_every_setting_is_listed() -> None:
    listed = set(re.findall(r"`(RAYLAMBDA_\w+)`", README))

    assert listed == {f"RAYLAMBDA_{field.name.upper()}" for field in dataclasses.fields(Settings)}


def test_links_and_folders_exist() -> None:
    for document in (REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_make_targets_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE)) <= targets
