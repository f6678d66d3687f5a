"""Names of log streams."""

from __future__ import annotations

import pytest

from raylambda.model.log_names import log_stream_name
from tests.builders import a_version


@pytest.mark.parametrize(
    ("log_group", "stream"),
    [
        ("/aws/lambda/hello", "2027/01/15/[$LATEST]0123abcd"),
        ("", "2027/01/15/[$LATEST]0123abcd"),
        ("/my/group", "2027/01/15/hello[$LATEST]0123abcd"),
    ],
)
def test_a_stream_is_named_by_day_version_and_environment(log_group: str, stream: str) -> None:
    assert log_stream_name(a_version(log_group=log_group), "0123abcd", 1_800_000_000.0) == stream
