"""A payload that is not JSON is answered in the words of AWS's parser (lambda-reference.md 19)."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from raylambda.frontdoor.calls import checked_payload
from raylambda.frontdoor.refused_json.structure import DEPTH, json_complaint
from raylambda.model.errors import InvalidRequestContentException

REFUSED = "Could not parse request body into json: Could not parse payload into json: "
SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"
VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

COMPLAINTS: list[tuple[bytes, str, int]] = [
    # As recorded, or as reported by people who met them.
    (b"\x99\xe9", f"Unexpected character ((CTRL-CHAR, code 153)): expected a valid value {VALUES}", 1),
    (b"\xc3\x87", "Invalid UTF-8 start byte 0x87", 3),
    (b"0D\xffa", "Unexpected character ('D' (code 68)): Expected space separating root-level values", 2),
    (b"1\x84", "Unexpected character ((CTRL-CHAR, code 132)): Expected space separating root-level values", 2),
    (b"STRING_VALUE", f"Unrecognized token 'STRING_VALUE': was expecting {VALUES}", 13),
    (b"L" * 300, f"Unrecognized token '{'L' * 256}...': was expecting {VALUES}", 257),
    # Where a value should stand.
    (b"tru", f"Unrecognized token 'tru': was expecting {VALUES}", 4),
    (b"[truex]", f"Unrecognized token 'truex': was expecting {VALUES}", 8),
    (b"[nul,1]", f"Unrecognized token 'nul': was expecting {VALUES}", 6),
    ("größe".encode(), f"Unrecognized token 'größe': was expecting {VALUES}", 8),
    (b"NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 4),
    (b"[-Infinity]", "Non-standard token '-Infinity': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 11),
    (b"'a'", f"Unexpected character (''' (code 39)): expected a valid value {VALUES}", 1),
    (b".5", f"Unexpected character ('.' (code 46)): expected a valid value {VALUES}", 1),
    (b"[1,]", "Unexpected character (']' (code 93)): expected a value", 4),
    (b"[,1]", "Unexpected character (',' (code 44)): expected a value", 2),
    (b'{"a":}', "Unexpected character ('}' (code 125)): expected a value", 6),
    (b"/* */1", "Unexpected character ('/' (code 47)): maybe a (non-standard) comment? (not recognized as one since "
        "Feature 'ALLOW_COMMENTS' not enabled for parser)", 1),
    # Numbers.
    (b"01", "Invalid numeric value: Leading zeroes not allowed", 2),
    (b"[1.]", "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit", 4),
    (b"1.", "Unexpected character ('.' (code 46)) in numeric value: Decimal point not followed by a digit", 2),
    (b"1ex", "Unexpected character ('x' (code 120)) in numeric value: Exponent indicator not followed by a digit", 3),
    (b"-a", "Unexpected character ('a' (code 97)) in numeric value: expected digit (0-9) to follow minus sign, for "
        "valid numeric value", 2),
    (b"[1e", "Unexpected end-of-input in START_ARRAY", 4),
    # Between values.
    (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 4),
    (b'{"a":1 "b"', "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 8),
    (b'{"a":1,}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 8),
    (b"{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", 2),
    ("{€:1}".encode(), "Unexpected character ('€' (code 8364 / 0x20ac)): was expecting double-quote to start field name", 4),
    (b'{"a" 1}', "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 6),
    (b"\x00", "Illegal character ((CTRL-CHAR, code 0)): only regular white space (\\r, \\n, \\t) is allowed between tokens", 1),
    (b"[}", f"Unexpected close marker '}}': expected ']' (for Array starting at {SOURCE.format(1, 1)})", 2),
    (b'{"a":[1}', f"Unexpected close marker '}}': expected ']' (for Array starting at {SOURCE.format(1, 6)})", 8),
    (b"{]", f"Unexpected close marker ']': expected '}}' (for Object starting at {SOURCE.format(1, 1)})", 2),
    (b"{}}", f"Unexpected close marker '}}': expected ']' (for root starting at {SOURCE.format(1, 0)})", 3),
    (b"]", f"Unexpected close marker ']': expected '}}' (for root starting at {SOURCE.format(1, 0)})", 1),
    (b"{} x", f"Unrecognized token 'x': was expecting {VALUES}", 5),
    (b"{} [", "Trailing token (of type START_ARRAY) found after value (bound as `com.fasterxml.jackson.databind.JsonNode`): "
        "not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`", 4),
    # Cut off.
    (b"  ", "No content to map due to end-of-input", 3),
    (b"{", f"Unexpected end-of-input: expected close marker for Object (start marker at {SOURCE.format(1, 1)})", 2),
    (b" [1", f"Unexpected end-of-input: expected close marker for Array (start marker at {SOURCE.format(1, 2)})", 4),
    (b'{"a"', "Unexpected end-of-input within/between Object entries", 5),
    (b'{"a":1,', "Unexpected end-of-input within/between Object entries", 8),
    (b"[1,", "Unexpected end-of-input within/between Array entries", 4),
    (b'{"', "Unexpected end-of-input: was expecting closing '\"' for name", 3),
    (b'{"a', "Unexpected end-of-input in field name", 4),
    (b'"abc', "Unexpected end-of-input in VALUE_STRING", 5),
    (b'"\\', "Unexpected end-of-input in character escape sequence", 3),
    # In strings.
    (b'"a\nb"', "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in "
        "string value", 3),
    (b'{"\t":1}', "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in "
        "name", 3),
    (b'"\\x"', "Unrecognized character escape 'x' (code 120)", 3),
    (b'"\\u12g4"', "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence", 6),
    (b'"\xff"', "Invalid UTF-8 start byte 0xff", 3),
    (b'"\xc3("', "Invalid UTF-8 middle byte 0x28", 4),
    (b'"\xed\xa0\x80"', "Invalid UTF-8 middle byte 0xa0", 4),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "text", "column"), COMPLAINTS)
def test_what_is_wrong_and_where(payload: bytes, text: str, column: int) -> None:
    with pytest.raises(InvalidRequestContentException) as error:
        checked_payload(payload)

    assert error.value.body() == {
        "Type": "User",
        "message": f"{REFUSED}{text}\n at {SOURCE.format(1, column)}",
    }


@pytest.mark.parametrize("line", [b"\n", b"\r", b"\r\n"])
def test_lines_are_counted_however_they_end(line: bytes) -> None:
    complaint = json_complaint(line.join([b"[1,", b"  2,", b"   x]"]))

    assert complaint is not None
    assert complaint.endswith(SOURCE.format(3, 6))


def test_nesting_has_a_limit() -> None:
    assert json_complaint(b"[" * DEPTH + b"]" * DEPTH) is None
    assert json_complaint(b"[" * (DEPTH + 1)) == (
        "Document nesting depth (1001) exceeds the maximum allowed (1000, from `StreamReadConstraints.getMaxNestingDepth()`)"
    )


def test_what_only_python_finds_too_deep_is_a_payload() -> None:
    payload = b"[" * DEPTH + b"]" * DEPTH

    assert checked_payload(payload) == payload


def test_a_long_payload_is_refused_without_a_look_at_every_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []
    monkeypatch.setattr("raylambda.frontdoor.calls.json_complaint", looked.append)

    with pytest.raises(InvalidRequestContentException, match="Could not parse payload into json: Expecting"):
        checked_payload(b"[" + b"1," * 1_000_000)

    assert looked == []


def test_a_payload_that_is_json_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []
    monkeypatch.setattr("raylambda.frontdoor.calls.json_complaint", looked.append)

    assert checked_payload(b'{"a": [1, 2.5, "x", null]}') == b'{"a": [1, 2.5, "x", null]}'

    assert looked == []


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def python_takes(payload: bytes) -> bool:
    """Python's parser, as strict as JSON is."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    try:
        decoder.decode(payload.decode("utf-8"))
    except ValueError:
        return False
    return True


PIECES = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"u00e9",
        b"\\ud800",
        b"a",
        b'"a"',
        b'""',
        b"true",
        b"false",
        b"null",
    ),
    *(
        b"NaN",
        b"Infinity",
        b"-",
        b"+",
        b"0",
        b"12",
        b".",
        b"e",
        b"E+",
        b" ",
        b"\n",
        b"\r",
        b"\t",
        b"\x00",
        b"\x1f",
        b"\x7f",
    ),
    *(
        b"\xc3\xa9",
        b"\xc3",
        b"\xa9",
        b"\xe2\x82\xac",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
    ),
    *(b"\xff", b"\xef\xbb\xbf", b"/", b"#", b"'", b"t", b"n"),
]

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def damaged(data: st.DataObject, document: Any) -> bytes:
    """A document with a piece put over some of its bytes, or with its end cut off."""
    payload = json.dumps(document, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "replace")
    start = data.draw(st.integers(0, len(payload)))
    length = data.draw(st.integers(0, 2))
    piece = data.draw(st.sampled_from([b"", *PIECES]))
    rest = b"" if data.draw(st.booleans()) else payload[start + length :]
    return payload[:start] + piece + rest


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join) | st.binary(max_size=12))
@example(b"")
@example(b'{"a":1,"a":2}')
@example(b'"\\ud800"')
@example(b"1e999")
@example(b"\xef\xbb\xbf1")
def test_it_complains_of_exactly_what_python_refuses(payload: bytes) -> None:
    assert (json_complaint(payload) is None) == python_takes(payload)


@settings(max_examples=800, deadline=None)
@given(st.data(), documents)
def test_also_of_documents_with_one_error(data: st.DataObject, document: Any) -> None:
    payload = damaged(data, document)

    assert (json_complaint(payload) is None) == python_takes(payload)


@settings(max_examples=400, deadline=None)
@given(documents)
def test_no_document_is_complained_of(document: Any) -> None:
    assert json_complaint(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")) is None


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join))
def test_a_place_lies_in_the_payload_or_just_behind_it(payload: bytes) -> None:
    complaint = json_complaint(payload)

    if complaint is not None:
        line, column = (int(part) for part in complaint.rpartition("line: ")[2].rstrip("]").split(", column: "))
        assert 1 <= line <= 1 + payload.count(b"\n") + payload.count(b"\r")
        assert 1 <= column <= len(payload) + 1
