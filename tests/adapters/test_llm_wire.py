"""What comes in pieces is put together as the specification says, and waiting times are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_adapters.llm.draft import cleaned, counted
from faultmaven_adapters.llm.sse import Event, Events, Lines
from faultmaven_adapters.llm.wire import waiting_time

ENDS = st.sampled_from(["\n", "\r", "\r\n"])
TEXT = st.text(st.characters(exclude_characters="\r\n\ufeff", exclude_categories=["Cs"]), max_size=20)
#: An event as it is meant; a name is no more than a line, data may be several.
MEANT = st.builds(Event, name=TEXT, data=st.lists(TEXT, min_size=1, max_size=3).map("\n".join))


def parsed(pieces: list[bytes], longest: int = 10_000) -> list[Event]:
    lines, events = Lines(longest), Events()
    return [event for piece in pieces for line in lines.feed(piece) if (event := events.feed(line))]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


@given(meant=st.lists(MEANT, max_size=4), end=ENDS, bom=st.booleans(), places=st.lists(st.integers(0), max_size=8))
def test_events_come_back_however_they_are_cut(meant: list[Event], end: str, bom: bool, places: list[int]) -> None:
    """Whatever was sent is read, with each kind of line end, comments between, and cut anywhere."""
    lines = [": a comment"]
    for event in meant:
        lines += [f"event:{' ' if event.name.startswith(' ') else ''}{event.name}", "id: 7", "retry: 5", "unknown"]
        lines += [f"data: {line}" for line in event.data.split("\n")] + [""]
    sent = (("\ufeff" if bom else "") + "".join(line + end for line in lines)).encode()

    assert parsed(cut(sent, places)) == [Event(event.name or "message", event.data) for event in meant]


@given(data=st.binary(max_size=400), places=st.lists(st.integers(0), max_size=8))
def test_any_bytes_mean_the_same_however_they_are_cut(data: bytes, places: list[int]) -> None:
    """Where the network cuts a stream makes no difference, and no bytes are an error."""
    assert parsed(cut(data, places)) == parsed([data])


@given(text=st.text(st.sampled_from("ab\r\n"), max_size=40), places=st.lists(st.integers(0), max_size=8))
def test_lines_end_where_pythons_do(text: str, places: list[int]) -> None:
    """LF, CR and CR LF end a line, each once."""
    lines = Lines(1_000)
    found = [line for piece in cut(text.encode(), places) for line in lines.feed(piece)]

    assert [*found, *([lines.last()] if lines.last() else [])] == text.encode().splitlines()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"data\n\n", [Event("message", "")]),
        (b"data:\ndata:\n\n", [Event("message", "\n")]),
        (b"data:  two spaces\n\n", [Event("message", " two spaces")]),
        (b"event: lost\n\ndata: 1\n\n", [Event("message", "1")]),
        (b"event: first\nevent: second\ndata: 1\n\n", [Event("second", "1")]),
        (b"data: never ended\n", []),
        (b"data: \xff\n\n", [Event("message", "\ufffd")]),
        (b"data: a:b\n\n", [Event("message", "a:b")]),
        (b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n", [Event("message", "1")]),
    ],
)
def test_the_specifications_corners(sent: bytes, read: list[Event]) -> None:
    """Empty data, repeated fields, lost names, unended events and byte order marks are read as it has them."""
    assert parsed([sent]) == read


def test_a_line_that_is_too_long_is_refused() -> None:
    """A line past its bound is an error, whether it came at once, bit by bit, or had an end."""
    for pieces in ([b"x" * 11], [b"xxxx", b"xxxx", b"xxxx"], [b"x" * 11 + b"\n"]):
        with pytest.raises(ValueError, match="more than 10 bytes"):
            parsed(pieces, longest=10)
    assert parsed([b"x" * 10 + b"\n"], longest=10) == []


@pytest.mark.parametrize(
    ("told", "date", "seconds"),
    [
        (None, None, None),
        ("0", None, 0.0),
        (" 120 ", None, 120.0),
        ("1.5", None, 1.5),
        ("-1", None, None),
        ("nan", None, None),
        ("1e9", None, None),
        ("9" * 30, None, None),
        ("٣", None, None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 09:28:20 +0200", 10.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:30 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", None, None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "yesterday", None),
    ],
)
def test_waiting_times_are_read(told: str | None, date: str | None, seconds: float | None) -> None:
    """Seconds are taken as they are, a date as its distance to the sender's own; all else is left out."""
    assert waiting_time(told, date) == seconds


@given(told=st.text(max_size=40), date=st.none() | st.text(max_size=40))
def test_any_waiting_time_is_sound(told: str, date: str | None) -> None:
    """Whatever a header holds, the time is none or a number that can be waited for."""
    seconds = waiting_time(told, date)

    assert seconds is None or 0.0 <= seconds < float("inf")


@given(text=st.text())
def test_cleaned_text_can_be_stored(text: str) -> None:
    """What is cleaned has its length, no zero, and a form in UTF-8; clean text stays."""
    clean = cleaned(text)

    assert len(clean) == len(text)
    assert "\x00" not in clean
    assert clean.encode().decode() == clean == cleaned(clean)


@pytest.mark.parametrize(("value", "count"), [(0, 0), (7, 7), (-1, None), (True, None), ("7", None), (2**31, None)])
def test_counts_make_sense_or_are_none(value: object, count: int | None) -> None:
    """Only a number that can be one of tokens is taken for one."""
    assert counted(value) == count
