"""Our own log: one line each, without secrets."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from raylambda.telemetry.setup import set_up_logging


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    handlers, level = logging.root.handlers[:], logging.root.level
    stream = io.StringIO()
    set_up_logging(stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_an_event_is_one_line(output: io.StringIO) -> None:
    structlog.get_logger("x").info("started", port=8470, text="two\nlines", odd_name="a b")

    (line,) = output.getvalue().splitlines()
    assert "level=info event=started" in line
    assert "port=8470" in line


def test_a_traceback_is_one_line_too(output: io.StringIO) -> None:
    try:
        raise ValueError("the reason")
    except ValueError:
        structlog.get_logger("x").exception("failed")

    (line,) = output.getvalue().splitlines()
    assert "the reason" in line


def test_secrets_are_blotted_out(output: io.StringIO) -> None:
    secret = "wJalrXUtnFEMI"

    structlog.get_logger("x").warning(
        "request",
        secret_key=secret,
        headers={"Authorization": f"AWS4 Signature={secret}", "x-amz-security-token": secret},
        url=f"http://h/?X-Amz-Signature={secret}&a=1",
        parts=[f"postgresql://user:{secret}@host/db"],
        error=ValueError(f"Signature={secret}"),
    )

    assert secret not in output.getvalue()
    assert "a=1" in output.getvalue()


def test_debug_is_silent_by_default(output: io.StringIO) -> None:
    structlog.get_logger("x").debug("noise")

    assert output.getvalue() == ""


def test_the_standard_logging_goes_the_same_way(output: io.StringIO) -> None:
    logging.getLogger("raylambda.scheduling").info("host %s\nis ready", "h1")
    logging.getLogger("uvicorn.error").info("noise")
    logging.getLogger("urllib3").warning("Signature=abc")

    first, second = output.getvalue().splitlines()
    assert 'level=info event="host h1\\nis ready"' in first
    assert "abc" not in second
