"""Reading what strangers send: whatever it is, it becomes the value that was asked for or InvalidInput."""

import json
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.case import Priority
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_http.wire import Metadata, Words, parsed, spelled_out, structured
from faultmaven_http.wire.plain import DEEPEST

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@frozen(kw_only=True)
class Wish:
    name: str
    count: int = 1
    sure: bool | None = None
    priority: Priority | None = None
    words: Words | None = None
    metadata: Metadata | None = None
    others: dict[str, Any] = field(factory=dict, init=False)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No bytes make the reader fail in another way."""
    try:
        json.dumps(parsed(data), allow_nan=False).encode()
    except InvalidInput:
        return


@given(JSON)
def test_json_comes_back_as_it_was_sent(value: object) -> None:
    """What can be stored is read unchanged; the rest is refused."""
    text = json.dumps(value)
    if "\\u0000" in text:
        with pytest.raises(InvalidInput):
            parsed(text.encode())
    else:
        assert value == parsed(text.encode())


@given(st.integers(min_value=1, max_value=3 * DEEPEST), st.sampled_from(["[{}]", '{{"a":{}}}']))
def test_depth_is_bounded_exactly(depth: int, shape: str) -> None:
    """Up to the bound it is read, beyond it refused, whatever it is made of."""
    before, after = shape.split("{}") if shape == "[{}]" else ('{"a":', "}")
    text = ('{"f": ' + before * depth + "1" + after * depth + "}").encode()
    if depth < DEEPEST:
        assert parsed(text)
    else:
        with pytest.raises(InvalidInput):
            parsed(text)


@given(st.dictionaries(st.sampled_from(["name", "count", "sure", "priority", "words", "metadata", "x"]), JSON))
def test_a_value_is_what_its_class_says_or_the_field_is_named(value: dict[str, object]) -> None:
    """Either every field has its type, or one of those sent or missing is named."""
    refused = None
    try:
        wish = structured(value, Wish)
    except InvalidInput as error:
        refused = str(error.details["field"])
    if refused is not None:
        assert refused in {"name", *value}
        return
    assert isinstance(wish.name, str)
    assert type(wish.count) is int
    assert wish.sure in {None, True, False}
    assert wish.priority is None or isinstance(wish.priority, Priority)
    assert wish.words is None or all(isinstance(word, str) for word in wish.words)
    assert wish.metadata is None or isinstance(wish.metadata, dict)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "name is required."),
        ({"name": 1}, "name must be a string."),
        ({"name": None}, "name must be a string."),
        ({"name": "a", "count": True}, "count must be a whole number."),
        ({"name": "a", "count": "1"}, "count must be a whole number."),
        ({"name": "a", "count": 1.0}, "count must be a whole number."),
        ({"name": "a", "sure": 1}, "sure must be true or false."),
        ({"name": "a", "priority": "HIGH"}, "priority must be one of low, medium, high, critical."),
        ({"name": "a", "words": [1]}, "words must be a list of strings."),
        ({"name": "a", "metadata": []}, "metadata must be an object."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(value: dict[str, object], message: str) -> None:
    """The field's name, and what it must be."""
    with pytest.raises(InvalidInput) as caught:
        structured(value, Wish)

    assert caught.value.message == message
    assert caught.value.details["field"] == message.split()[0]


@pytest.mark.parametrize(
    ("text", "count"), [("7", 7), (" 7 ", 7), ("-7", -7), ("٣", None), ("7.0", None), ("1e3", None), ("1" * 40, None)]
)
def test_a_query_spells_its_numbers(text: str, count: int | None) -> None:
    """ASCII digits with a sign at most; nothing else is a number."""
    if count is None:
        with pytest.raises(InvalidInput):
            spelled_out({"name": "a", "count": text}, Wish)
    else:
        assert count == spelled_out({"name": "a", "count": text}, Wish).count


def test_a_form_spells_its_lists_and_objects() -> None:
    """Words with commas, an object as JSON, true and false as words."""
    wish = spelled_out({"name": "a", "sure": "TRUE", "words": "a, b,,c ", "metadata": '{"k": 1}'}, Wish)

    assert (wish.sure, wish.words, wish.metadata) == (True, ("a", "b", "c"), {"k": 1})


@pytest.mark.parametrize("metadata", ["{", "[]", "1", "text", '{"a": "\\u0000"}'])
def test_a_form_may_spell_no_object(metadata: str) -> None:
    """What is no JSON object is refused by the field's name."""
    with pytest.raises(InvalidInput, match=r"^metadata must be"):
        spelled_out({"name": "a", "metadata": metadata}, Wish)
