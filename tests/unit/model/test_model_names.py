"""Names of functions, and the constraints of the service model."""

from __future__ import annotations

import pytest

from raylambda.model import names
from raylambda.model.arn import FunctionReference, function_arn, parse_function_reference, runtime_version_arn
from raylambda.model.names import Elements, Entries, Number, Text

HEAD = "arn:aws:lambda:eu-central-1:123456789012:function:"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("fn", FunctionReference("fn")),
        ("fn:live", FunctionReference("fn", "live")),
        ("fn:$LATEST", FunctionReference("fn", "$LATEST")),
        ("fn:$LATEST.PUBLISHED", FunctionReference("fn", "$LATEST.PUBLISHED")),
        ("function:fn", FunctionReference("fn")),
        ("123456789012:fn:1", FunctionReference("fn", "1", "123456789012")),
        ("123456789012:function:fn", FunctionReference("fn", None, "123456789012")),
        (HEAD + "fn", FunctionReference("fn", None, "123456789012", "eu-central-1")),
        (HEAD + "fn:7", FunctionReference("fn", "7", "123456789012", "eu-central-1")),
        ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:fn", FunctionReference("fn", None, "123456789012", "us-gov-west-1")),
        ("123456789012", FunctionReference("123456789012")),
    ],
)  # fmt: skip
def test_a_function_is_named_in_many_ways(text: str, reference: FunctionReference) -> None:
    assert parse_function_reference(text) == reference


@pytest.mark.parametrize("text", ["", "a b", "fn:", "a:b:c", HEAD, "arn:aws:s3:::bucket", "fn:$OTHER", "fn\n", "ñ"])
def test_what_names_no_function(text: str) -> None:
    assert parse_function_reference(text) is None


def test_what_aws_prints() -> None:
    assert function_arn("eu-central-1", "123456789012", "fn") == HEAD + "fn"
    assert function_arn("eu-central-1", "123456789012", "fn", "live") == HEAD + "fn:live"
    assert runtime_version_arn("eu-central-1", "python3.11") == runtime_version_arn("eu-central-1", "python3.11")
    assert runtime_version_arn("eu-central-1", "a") != runtime_version_arn("eu-central-1", "b")


def test_a_text_says_every_rule_that_it_breaks() -> None:
    text = Text(3, 2, "[a-z]*")

    assert text.broken("ab") == ()
    assert text.broken("A") == (
        "Member must have length greater than or equal to 2",
        "Member must satisfy regular expression pattern: [a-z]*",
    )
    assert text.broken("abcd") == ("Member must have length less than or equal to 3",)


@pytest.mark.parametrize("digits", ["\u0661" * 12, "\uff11" * 12])
def test_digits_are_ascii(digits: str) -> None:
    role = Text(pattern=r"\d{12}")

    assert role.broken("123456789012") == ()
    assert role.broken(digits) != ()


@pytest.mark.parametrize("key", ["team", "cost center", "größe", "数", "a/b:c=d+e-f@g_h.i", "\u2167", "½"])
def test_tags_are_letters_numbers_separators_and_some_signs(key: str) -> None:
    assert names.TAG_KEY.broken(key) == ()


@pytest.mark.parametrize("key", ["", "a#b", "a\tb", "a\nb", "*", "a" * 129, "\U0001f600"])
def test_what_no_tag_may_be(key: str) -> None:
    assert names.TAG_KEY.broken(key) != ()


def test_text_without_end_is_not_matched_against_a_pattern() -> None:
    endless = "a" * 70_000_000

    assert Text(3, pattern="[b]*").broken(endless) == ("Member must have length less than or equal to 3",)
    assert Text(pattern="[a-zA-Z]([a-zA-Z0-9_])+").broken(endless) != ()


def test_numbers_have_limits_on_both_sides() -> None:
    assert Number(1.0, 0.0).broken(0.5) == ()
    assert Number(1.0, 0.0).broken(1.5) == ("Member must have value less than or equal to 1.0",)
    assert Number(least=0).broken(-1) == ("Member must have value greater than or equal to 0",)


def test_a_broken_element_is_said_with_all_rules_of_elements() -> None:
    elements = Elements(1, 0, Text(values=("a", "b")))

    assert elements.broken(["a"]) == ()
    assert elements.broken(["c", "a"]) == (
        "Member must have length less than or equal to 1",
        "Member must satisfy constraint: [Member must satisfy enum value set: [a, b], Member must not be null]",
    )


def test_keys_and_values_of_a_map_have_rules_of_their_own() -> None:
    entries = Entries(Text(2), Number(1))

    assert entries.broken({"ab": 1}) == ()
    assert entries.broken({"abc": 2}) == (
        "Map keys must satisfy constraint: [Member must have length less than or equal to 2]",
        "Map value must satisfy constraint: [Member must have value less than or equal to 1, Member must not be null]",
    )
