"""``raylambda.Client`` and ``raylambda.AsyncClient`` against a real front door."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import raylambda
from raylambda.home import PlatformNote, noted
from raylambda.logs.writer import LogWriter
from raylambda.model.clock import SystemClock
from raylambda.model.environment import LogLines
from raylambda.model.principal import Principal
from raylambda.sdk import (
    AnswerNotUnderstood,
    Client,
    FunctionError,
    FunctionSettings,
    LambdaApiError,
    LogQuery,
    NotActive,
    NotConnected,
    PayloadNotJson,
    PlatformUnreachable,
)
from raylambda.store.engine import Database
from raylambda.testing.calls import RecordingQueue, ScriptedInvoker
from tests.builders import a_completion, a_zip
from tests.contract.awaited_client import awaited_client
from tests.plugins.frontdoor import ACCOUNT, KEY, Served, a_front_door, serving

PACKAGE = a_zip({"app.py": "def handler(event, context):\n    return event\n"})
SETTINGS = FunctionSettings(runtime="python3.11", handler="app.handler")


def client_of(served: Served) -> Client:
    return Client(served.url, KEY.access_key_id, KEY.secret, "us-east-1")


@pytest.fixture(params=["blocking", "asynchronous"])
def client(front_door: Served, request: pytest.FixtureRequest) -> Iterator[Client]:
    kind = Client if request.param == "blocking" else awaited_client
    with kind(front_door.url, KEY.access_key_id, KEY.secret, "us-east-1") as made:
        yield made


def test_a_function_from_creation_to_deletion(client: Client) -> None:
    created = client.create_function("hello", PACKAGE, SETTINGS)
    active = client.wait_until_active("hello")
    changed = client.update_function_configuration("hello", FunctionSettings(timeout_s=7, environment={"AB": "c"}))
    client.update_function_code("hello", a_zip({"app.py": "handler = print\n"}))
    version = client.publish_version("hello", "first").version
    alias = client.create_alias("hello", "live", version)
    found = client.get_function("hello", "live")

    assert (created.state, active.state) == ("Pending", "Active")
    assert changed.timeout_s == 7
    assert changed.document["Environment"] == {"Variables": {"AB": "c"}}
    assert (alias.name, alias.version, alias.weights) == ("live", version, {})
    assert found.arn.endswith(":hello:live")
    assert found.code_location is not None
    client.delete_function("hello")
    assert list(client.list_functions()) == []


def test_lists_are_read_page_by_page(client: Client) -> None:
    names = [f"hello{number:02}" for number in range(60)]  # a page has 50
    for name in names:
        client.create_function(name, PACKAGE, SETTINGS)

    assert [function.name for function in client.list_functions()] == names


def test_invocations(client: Client, front_door: Served) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)

    answer = client.invoke("hello", b'{"a": [1]}')
    event = client.invoke("function:hello:live", b"1", invocation_type="Event")
    invoker.play(a_completion(b'{"errorMessage": "no"}', "Unhandled", log_tail=b"END \xff\n"))
    failed = client.invoke("hello", tail=True)

    assert answer.value == {"a": [1]}
    assert (answer.executed_version, answer.request_id) == ("$LATEST", invoker.calls[0].request_id)
    assert (event.status, event.payload) == (202, b"")
    assert (failed.status, failed.function_error, failed.log_tail) == (200, "Unhandled", "END \ufffd\n")


@pytest.mark.parametrize("payload", [None, 0, -1.5, True, "text \u20ac", [], [1, [None]], {}, {"a": {"b": []}}])
def test_any_value_of_json_is_a_payload_and_an_answer(client: Client, payload: object) -> None:
    assert client.invoke("hello", payload).value == payload  # the scripted invoker gives back what it gets


@pytest.mark.parametrize("payload", [b'{"a":1}', bytearray(b"[]"), memoryview(b" 7 "), b'{"a": 1.0}'])
def test_bytes_go_as_they_are(client: Client, payload: bytes) -> None:
    assert client.invoke("hello", payload).payload == bytes(payload)


@pytest.mark.parametrize("payload", [{1, 2}, object(), float("nan"), [float("inf")], {"a": b"b"}, {(1, 2): 3}])
def test_what_json_cannot_say_is_refused_before_anything_is_sent(
    client: Client, front_door: Served, payload: object
) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)

    with pytest.raises(PayloadNotJson, match="the payload is no JSON value: "):
        client.invoke("hello", payload)

    assert invoker.calls == []


def test_an_answer_that_is_no_json_is_had_as_bytes(client: Client, front_door: Served) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    invoker.play(a_completion(b"<html>"))

    answer = client.invoke("hello")

    assert answer.payload == b"<html>"
    with pytest.raises(AnswerNotUnderstood, match="its bytes are in payload"):
        _ = answer.value


def test_qualifier_context_and_kind_arrive(client: Client, front_door: Served) -> None:
    invoker, queue = front_door.door.invoker, front_door.door.queue
    assert isinstance(invoker, ScriptedInvoker)
    assert isinstance(queue, RecordingQueue)

    client.invoke("hello", 1, "live", client_context={"custom": {"a": "\u20ac"}})
    event = client.invoke("hello", 2, invocation_type="Event", raise_on_error=True)
    dry = client.invoke("hello", 3, invocation_type="DryRun", tail=True)

    call = invoker.calls[0]
    assert call.qualifier == "live"
    assert json.loads(call.client_context or "") == {"custom": {"a": "\u20ac"}}
    assert [accepted.payload for accepted in queue.accepted] == [b"2"]
    assert (event.status, event.value, dry.status, dry.value) == (202, None, 204, None)


def test_a_function_error_is_an_exception_when_asked_for(client: Client, front_door: Served) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    error = {"errorMessage": "no\x1b[2J", "errorType": "ValueError", "stackTrace": ["  File app.py\n"]}
    for _ in range(2):
        invoker.play(a_completion(json.dumps(error).encode(), "Unhandled", log_tail=b"END\n"))

    with pytest.raises(FunctionError) as failed:
        client.invoke("hello", raise_on_error=True)
    later = client.invoke("hello")

    assert str(failed.value) == r"ValueError: no\x1b[2J"  # a guest's text does not steer the terminal
    assert failed.value.error_message == "no\x1b[2J"
    assert (failed.value.kind, failed.value.error_type) == ("Unhandled", "ValueError")
    assert (failed.value.stack_trace, failed.value.log_tail) == (["  File app.py\n"], "END\n")
    assert later.value == error
    with pytest.raises(FunctionError):
        later.raise_for_function_error()


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"", "Unhandled"),
        (b"null", "Unhandled: None"),
        (b"\xffno", "Unhandled: \ufffdno"),
        (b'{"errorType": 5, "errorMessage": [1], "stackTrace": "x"}', "5: [1]"),
        (b"[" * 100_000, "Unhandled: [["),
        (b'{"errorType": "Runtime.ExitError"}', "Runtime.ExitError"),
    ],
)
def test_a_function_may_fail_in_any_form(client: Client, front_door: Served, payload: bytes, text: str) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    invoker.play(a_completion(payload, "Unhandled"))

    with pytest.raises(FunctionError) as failed:
        client.invoke("hello", raise_on_error=True)

    assert str(failed.value).startswith(text)
    assert failed.value.stack_trace == []


def test_threads_share_a_client_and_get_their_own_answers(front_door: Served) -> None:
    with client_of(front_door) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: client.invoke("hello", number).value, range(200)))

    assert answers == list(range(200))


def test_tasks_share_an_asynchronous_client_and_get_their_own_answers(front_door: Served) -> None:
    async def ask() -> list[object]:
        async with raylambda.AsyncClient(front_door.url, KEY.access_key_id, KEY.secret, "us-east-1") as client:
            answers = await asyncio.gather(*(client.invoke("hello", number) for number in range(200)))
            return [answer.value for answer in answers]

    assert asyncio.run(ask()) == list(range(200))


def test_a_client_may_serve_one_event_loop_after_another(front_door: Served) -> None:
    client = raylambda.AsyncClient(front_door.url, KEY.access_key_id, KEY.secret, "us-east-1")

    answers = [asyncio.run(client.invoke("hello", number)).value for number in range(3)]
    asyncio.run(client.close())

    assert answers == [0, 1, 2]


def test_ray_options(client: Client) -> None:
    client.create_function("hello", PACKAGE, SETTINGS)

    client.ray_options.put("hello", {"num_gpus": 1})

    assert client.ray_options.get("hello")["num_gpus"] == 1
    client.ray_options.delete("hello")
    assert not client.ray_options.get("hello").get("num_gpus")


def test_errors_are_exceptions_with_code_message_and_status(client: Client) -> None:
    with pytest.raises(LambdaApiError) as refused:
        client.get_function("nobody")

    assert refused.value.code == "ResourceNotFoundException"
    assert refused.value.status == 404
    assert str(refused.value).startswith("ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:")


def test_nobody_there(tmp_path: Path) -> None:
    with serving(a_front_door(tmp_path)) as served:
        client = client_of(served)
        assert client.health()
        assert client.status() == {"nodes": 1}

    assert not client.health()
    with pytest.raises(PlatformUnreachable, match=r"no answer from http://127.0.0.1"):
        client.status()


def test_the_status_is_told_what_is_wanted_and_by_whom(tmp_path: Path) -> None:
    asked: list[tuple[Principal, bool, str | None]] = []

    async def status(principal: Principal, detail: bool, function: str | None) -> dict[str, object]:
        asked.append((principal, detail, function))
        return {}

    with serving(a_front_door(tmp_path, status=status)) as served:
        client = client_of(served)
        client.status()
        client.status(detail=True)
        client.status(detail=True, function=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:hello:live")

    principal = Principal(ACCOUNT, "us-east-1", KEY.access_key_id)
    assert asked == [(principal, False, None), (principal, True, None), (principal, True, "hello")]


def test_the_status_of_a_foreign_function_is_refused(client: Client) -> None:
    with pytest.raises(LambdaApiError) as refused:
        client.status(detail=True, function="arn:aws:lambda:us-east-1:210987654321:function:hello")

    assert (refused.value.status, refused.value.code) == (403, "AccessDeniedException")


def test_a_function_that_does_not_become_active(tmp_path: Path) -> None:
    door = a_front_door(tmp_path)
    idle = Database(door.database.engine)  # nobody makes its functions active
    with serving(a_front_door(tmp_path, database=idle)) as served:
        client = client_of(served)
        client.create_function("hello", PACKAGE, SETTINGS)

        with pytest.raises(NotActive, match=r"hello is Pending .*The function is being created"):
            client.wait_until_active("hello", timeout_s=0)


def some_lines(stream: str, *messages: str) -> LogLines:
    now = int(time.time() * 1000)
    return LogLines(ACCOUNT, "us-east-1", "/aws/lambda/hello", stream, tuple((now, text) for text in messages))


def a_log_writer(served: Served, home: Path) -> LogWriter:
    return LogWriter(home / "logs", SystemClock(), served.door.logs.wake)


def test_logs_are_read_and_followed(client: Client, front_door: Served, tmp_path: Path) -> None:
    logs = a_log_writer(front_door, tmp_path)
    logs.append(some_lines("s", "one", "two"))
    logs.append(some_lines("t", "three\u20ac"))

    assert [record.message for record in client.logs("hello")] == ["one", "two", "three\u20ac"]
    assert [record.message for record in client.logs("hello", LogQuery(limit=1))] == ["three\u20ac"]
    assert [record.stream for record in client.logs("hello", LogQuery(stream="s"))] == ["s", "s"]
    assert list(client.logs("hello", LogQuery(since_ms=9_999_999_999_999))) == []

    followed = client.logs("hello", LogQuery(limit=1, follow=True))
    assert next(followed).message == "three\u20ac"
    logs.append(some_lines("s", "four"))
    assert next(followed).message == "four"
    followed.close()  # type: ignore[attr-defined]


def test_logs_that_are_followed_end_with_the_platform(tmp_path: Path) -> None:
    with serving(a_front_door(tmp_path)) as served:
        a_log_writer(served, tmp_path).append(some_lines("s", "one"))
        followed = client_of(served).logs("hello", LogQuery(follow=True))
        assert next(followed).message == "one"

    assert list(followed) == []


def test_a_shared_group_shows_each_function_its_own_lines(client: Client, front_door: Served, tmp_path: Path) -> None:
    shared = {"LogGroup": "everyone"}
    boto = front_door.client()
    for name in ("hello", "hello2"):
        boto.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="app.handler",
            Role="arn:aws:iam::123456789012:role/worker",
            Code={"ZipFile": PACKAGE},
            LoggingConfig=shared,
        )
        lines = some_lines(f"2027/01/15/{name}[$LATEST]00", f"from {name}")
        written = LogLines(ACCOUNT, "us-east-1", "everyone", lines.log_stream, lines.lines)
        a_log_writer(front_door, tmp_path).append(written)

    assert [record.message for record in client.logs("hello")] == ["from hello"]


def test_the_environment_names_endpoint_key_and_region(
    front_door: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", front_door.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    with raylambda.Client() as client:
        client.create_function("hello", PACKAGE, SETTINGS)
        assert [function.arn.split(":")[3] for function in client.list_functions()] == ["eu-west-1"]

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    with pytest.raises(NotConnected, match="there is no key for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        raylambda.Client()


def test_the_examples_on_the_page_run_as_they_stand(
    front_door: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    page = (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")
    first, second, third = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    note = PlatformNote(front_door.url, "us-east-1", KEY.access_key_id, KEY.secret, "", "")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

    with noted(tmp_path / ".raylambda", note):
        exec(first, {})
        exec(third, {})
        invoker.play(a_completion(b'{"errorType": "ValueError", "errorMessage": "no"}', "Unhandled", log_tail=b"END"))
        exec(second, {})

    assert capsys.readouterr().out.splitlines() == [
        "{'name': 'world'} $LATEST",
        "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "ValueError no END",
    ]
