"""What a front door may be called, as boot has it from the settings."""

from __future__ import annotations

import pytest

from raylambda.boot.front_door import own_names
from raylambda.settings import Settings


@pytest.mark.parametrize(
    ("settings", "host", "own"),
    [
        (Settings(), "localhost:8470", True),
        (Settings(), "lambda.example.org", False),
        (Settings(host_names=("lambda.example.org",)), "lambda.example.org", True),
        (Settings(host="Box.lan"), "box.lan:8470", True),
        (Settings(), "host.raylambda.internal:8470", False),
        (Settings(egress_allow=("host.raylambda.internal:8470",)), "host.raylambda.internal:8470", True),
        (Settings(egress_allow=("database:5432",)), "database:8470", False),
    ],
)
def test_configured_names_are_its_own_and_that_of_the_node_where_functions_may_use_it(
    settings: Settings, host: str, own: bool
) -> None:
    assert (own_names(settings).own(host, "127.0.0.1") is not None) is own
