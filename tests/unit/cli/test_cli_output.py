"""What guests wrote becomes visible, and JSON stays the same value."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.cli.output import json_text, table_lines, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))
STEERS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def steering(text: str, harmless: str) -> list[str]:
    return [one for one in text if unicodedata.category(one) in STEERS and one not in harmless]


@given(ANY_TEXT)
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert steering(visible(text), "\t\u200c\u200d") == []
    assert steering(visible(text, lines=True), "\t\n\u200c\u200d") == []
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\rb\x7f\x9b", r"a\x0db\x7f\x9b"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\ud800\U000e0001", r"\ud800\U000e0001"),
        ("tab\tü 漢字\u3000\xa0👩\u200d👧", "tab\tü 漢字\u3000\xa0👩\u200d👧"),
        ("two\nlines", r"two\x0alines"),
    ],
)
def test_letters_stay_and_controls_are_named(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(
    st.recursive(ANY_TEXT | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))
)
def test_json_is_the_same_value_and_steers_nothing(document: object) -> None:
    text = json_text(document)

    assert json.loads(text) == json.loads(json.dumps(document))
    assert steering(text, "\n\u200c\u200d") == []


def test_a_table_has_a_line_for_each_row() -> None:
    assert list(table_lines([("A", "B"), ("x\ny", "1"), ("", "22")])) == [r"A       B", r"x\x0ay  1", "        22"]
