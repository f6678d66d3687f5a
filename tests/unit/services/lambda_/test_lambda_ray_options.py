"""raylambda's own resource: the Ray options of a function."""

from __future__ import annotations

import json
from typing import Any

import pytest

from raylambda.model.errors import LambdaError
from raylambda.services.lambda_.table import OWN_OPERATIONS
from tests.unit.services.lambda_.control_plane import ARN, ControlPlane

DEFAULTS: dict[str, Any] = {"runtime_env": {}, "num_gpus": 0.0, "resources": {}, "label_selector": {}}
EVERYTHING: dict[str, Any] = {
    "runtime_env": {"uv": ["numpy==2.1.0"], "env_vars": {"OMP_NUM_THREADS": "1"}},
    "num_gpus": 0.5,
    "resources": {"tpu": 1.0},
    "label_selector": {"zone": "a"},
}


def test_put_replaces_get_shows_delete_resets(stored_plane: ControlPlane) -> None:
    stored_plane.active()

    before = stored_plane.call("GetRayOptions", FunctionName="fn")
    put = stored_plane.call("PutRayOptions", FunctionName="fn", **EVERYTHING)
    got = stored_plane.call("GetRayOptions", FunctionName="fn")
    replaced = stored_plane.call("PutRayOptions", FunctionName="fn", num_gpus=2)
    deleted = stored_plane.answer("DeleteRayOptions", FunctionName="fn")

    assert before == DEFAULTS
    assert put == got == EVERYTHING
    assert replaced == DEFAULTS | {"num_gpus": 2.0}
    assert (deleted.status, deleted.body) == (204, b"")
    assert stored_plane.call("GetRayOptions", FunctionName="fn") == DEFAULTS


def test_every_version_gets_a_new_generation_and_another_host_class(plane: ControlPlane) -> None:
    plane.active(Publish=True)
    before = plane.record()

    plane.call("PutRayOptions", FunctionName="fn", **EVERYTHING)

    after = plane.record()
    assert before is not None and after is not None
    for version in ("$LATEST", "1"):
        assert after.versions[version].generation != before.versions[version].generation
        assert after.versions[version].ray_options.host_class != "default"
        assert after.versions[version].ray_options.runtime_env == EVERYTHING["runtime_env"]


def test_no_options_are_the_default_hosts(plane: ControlPlane) -> None:
    plane.active()

    plane.call("PutRayOptions", FunctionName="fn")

    record = plane.record()
    assert record is not None
    assert record.versions["$LATEST"].ray_options.host_class == "default"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gpus": 1}, "gpus is not a member of this request."),
        ({"runtime_env": {"working_dir": "/"}}, "runtime_env.working_dir is not a member of this request."),
        ({"runtime_env": {"uv": ["a"], "pip": ["b"]}}, "runtime_env takes uv or pip, and not both."),
        ({"runtime_env": {"pip": ["-r /etc/passwd"]}}, "no options: '-r /etc/passwd'"),
        ({"runtime_env": {"uv": [" "]}}, "no options: ' '"),
        (
            {"runtime_env": {"env_vars": {"A=B": "x"}}},
            "env_vars has a name that no environment variable can have: 'A=B'",
        ),
        ({"num_gpus": -1}, "must be a number that is not negative: -1"),
        ({"num_gpus": 1.5}, "num_gpus above 1 must be a whole number: 1.5"),
        ({"resources": {"tpu": -0.5}}, "must be a number that is not negative: -0.5"),
        ({"resources": {"GPU": 1}}, "resources takes custom resources of Ray, and 'GPU' is none."),
        ({"resources": {"": 1}}, "resources takes custom resources of Ray, and '' is none."),
    ],
    ids=str,
)
def test_options_that_cannot_be(plane: ControlPlane, options: dict[str, Any], said: str) -> None:
    plane.active()

    error = plane.refusal("PutRayOptions", FunctionName="fn", **options)

    assert error.code == "InvalidParameterValueException"
    assert said in str(error)


def test_infinity_is_no_amount(plane: ControlPlane) -> None:
    plane.active()

    with pytest.raises(LambdaError) as refusal:
        plane.send(OWN_OPERATIONS["PutRayOptions"], {"FunctionName": "fn"}, {}, b'{"num_gpus": 1e999}')

    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "options",
    [{"num_gpus": "1"}, {"num_gpus": True}, {"resources": [1]}, {"runtime_env": {"env_vars": {"A": 1}}}],
    ids=json.dumps,
)
def test_options_of_the_wrong_type(plane: ControlPlane, options: dict[str, Any]) -> None:
    plane.active()

    assert plane.refusal("PutRayOptions", FunctionName="fn", **options).code == "SerializationException"


@pytest.mark.parametrize("name", ["PutRayOptions", "GetRayOptions", "DeleteRayOptions"])
def test_an_unknown_function(plane: ControlPlane, name: str) -> None:
    assert str(plane.refusal(name, FunctionName="gone")) == f"Function not found: {ARN}gone"
