"""Handlers that runtime clients are compared on; every line here runs inside the runtime under test."""

import collections
import datetime
import decimal
import enum
import json
import logging
import os
import pathlib
import sys

Point = collections.namedtuple("Point", "x y")


class Colour(enum.IntEnum):
    RED = 1


class Member:
    def _asdict(self):
        return {"z": 3}


def echo(event, context):
    return event


def nothing(event, context):
    return None


def speak(event, context):
    print("printed", end="")
    sys.stdout.write(" and written\n")
    sys.stdout.buffer.write(b"bytes\n")
    logging.getLogger().warning("warned %s", "once")
    logging.getLogger("a.b").info("not shown")
    print("bär", file=sys.stderr)
    context.log("logged\n")


def values(event, context):
    return {
        "decimal": [decimal.Decimal("1.50"), decimal.Decimal("NaN"), decimal.Decimal("1E+2")],
        "point": Point(1, (2, Point(3, 4))),
        "member": Member(),
        "bytes": b"raw",
        "enum": Colour.RED,
        "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
        "text": 'é \u2028 \U0001f600 \x7f " \\ \n',
        "numbers": [1.0, 1e300, float("inf"), float("nan"), -0.0, 10**30],
        "keys": {1: 1, 1.5: 2, None: 3, False: 4, b"k": 5},
        "empty": [{}, [], (), ""],
    }


def binary(event, context):
    return b"\x00\xff"


def unserialisable(event, context):
    return {"when": datetime.datetime(2026, 1, 1), "set": {1}}


def bad_key(event, context):
    return {(1, 2): 3}


def circular(event, context):
    value = []
    value.append(value)
    return value


def not_utf8(event, context):
    return {"b": b"\xff"}


def fail(event, context):
    def deeper():
        raise ValueError("first line\nsecond line with é")

    deeper()


def fail_silently(event, context):
    raise KeyError


def fail_in_library(event, context):
    json.loads("{")


def chain(event, context):
    try:
        fail_silently(event, context)
    except KeyError as error:
        raise RuntimeError("outer") from error


class Odd(Exception):
    def __str__(self):
        return "odd"


def fail_oddly(event, context):
    raise Odd(1)


def describe(event, context):
    return {
        "repr": repr(context),
        "custom": context.client_context.custom if context.client_context else None,
        "client": repr(context.client_context.client) if context.client_context else None,
        "identity": context.identity.cognito_identity_id,
        "w3c": context.w3c(),
        "has_time_left": context.get_remaining_time_in_millis() > 0,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "tenant": context.tenant_id,
        "types": [type(context).__name__, type(context.identity).__name__],
    }


def leave(event, context):
    print("leaving", end="")
    sys.exit(event)


def leave_at_once(event, context):
    print("leaving", end="")
    os._exit(7)


def log_everything(event, context):
    logger = logging.getLogger("mine")
    logger.debug("hidden unless DEBUG")
    logger.info({"an": "object"})
    logger.warning("with %s", "extra", extra={"colour": "red", "when": datetime.date(2026, 1, 1)})
    try:
        fail_silently(event, context)
    except KeyError:
        logger.exception("caught")
    logging.log(35, "between levels")


CALLS = []


def count(event, context):
    CALLS.append(1)
    return len(CALLS)


def own_memory_kb(event, context):
    rollup = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty"))
