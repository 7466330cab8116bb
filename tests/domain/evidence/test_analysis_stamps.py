from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultmaven_domain.evidence.analysis.stamps import NO_YEAR, StampReader, moment

WRITTEN = {
    "ISO": ("2024-05-01T12:00:01Z", datetime(2024, 5, 1, 12, 0, 1, tzinfo=UTC)),
    "ISO with an offset": (
        "2024-05-01T14:00:01.250+02:00",
        datetime(2024, 5, 1, 14, 0, 1, 250_000, tzinfo=timezone(timedelta(hours=2))),
    ),
    "log4j": ("2015-07-29 17:41:44,747", datetime(2015, 7, 29, 17, 41, 44, 747_000)),
    "with dots": ("2005-06-03-15.42.50.363779", datetime(2005, 6, 3, 15, 42, 50, 363_779)),
    "with slashes": ("2024/05/01 12:00:01", datetime(2024, 5, 1, 12, 0, 1)),
    "short year": ("17/06/09 20:10:40", datetime(2017, 6, 9, 20, 10, 40)),
    "short year behind": ("06/19/17 20:10:40", datetime(2017, 6, 19, 20, 10, 40)),
    "year last": ("12/31/2017 10:11:12 PM", datetime(2017, 12, 31, 22, 11, 12)),
    "day first with dots": ("31.12.2017 10:11:12", datetime(2017, 12, 31, 10, 11, 12)),
    "Apache": ("Sun Dec 04 04:47:44 2005", datetime(2005, 12, 4, 4, 47, 44)),
    "access log": (
        "04/Dec/2005:04:47:44 -0100",
        datetime(2005, 12, 4, 4, 47, 44, tzinfo=timezone(timedelta(hours=-1))),
    ),
    "named month, day first": ("04 Dec 2005 04:47:44.500", datetime(2005, 12, 4, 4, 47, 44, 500_000)),
    "named month, year third": ("Dec 04, 2005 12:47:44 AM", datetime(2005, 12, 4, 0, 47, 44)),
    "syslog": ("Jun 14 15:16:01", datetime(NO_YEAR, 6, 14, 15, 16, 1)),
    "syslog, one digit": ("Jul  1 09:00:55", datetime(NO_YEAR, 7, 1, 9, 0, 55)),
    "month and day": ("03-17 16:13:38.811", datetime(NO_YEAR, 3, 17, 16, 13, 38, 811_000)),
    "month and day with a dot": ("10.30 16:49:06", datetime(NO_YEAR, 10, 30, 16, 49, 6)),
    "packed": ("081109 203615", datetime(2008, 11, 9, 20, 36, 15)),
    "packed date": ("20171223-22:15:29:606", datetime(2017, 12, 23, 22, 15, 29, 606_000)),
    "packed date, bare digits": ("20171224-0:7:20:44", datetime(2017, 12, 24, 0, 7, 20, 440_000)),
    "seconds": ("1117838570", datetime(2005, 6, 3, 22, 42, 50)),
    "milliseconds": ("1117838570123", datetime(2005, 6, 3, 22, 42, 50, 123_000)),
    "clock": ("12:00:01.500", datetime(NO_YEAR, 1, 1, 12, 0, 1, 500_000)),
}


@pytest.mark.parametrize(("text", "at"), WRITTEN.values(), ids=WRITTEN)
def test_times_are_read_as_programs_write_them(text: str, at: datetime) -> None:
    """Each way of writing a time is kept as written and read into the same moment."""
    stamp = StampReader().find(f"{text} something happened")

    assert stamp is not None
    assert text == stamp.text
    assert at == moment(stamp.key, stamp.text)
    assert at.utcoffset() == moment(stamp.key, stamp.text).utcoffset()


@pytest.mark.parametrize("opening", ["[", "(", "<", '"', "[ "])
def test_brackets_around_a_time_are_not_part_of_it(opening: str) -> None:
    """A bracket or a quote may stand before the time."""
    stamp = StampReader().find(f"{opening}2024-05-01 12:00:01] started")

    assert stamp is not None
    assert stamp.text == "2024-05-01 12:00:01"


@pytest.mark.parametrize(
    "line",
    [
        "web-1  | 2024-05-01 12:00:01 started",
        "- 1117838570 started",
        "nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO started",
        "134681 node-246 unix.hw state_change.unavailable 1077804742 1 started",
        'ts=2024-05-01T12:00:01Z msg="started"',
        "[INFO] 2024-05-01 12:00:01 started",
    ],
)
def test_a_few_words_may_stand_before_the_time(line: str) -> None:
    """Labels, host names and file names before the time are passed over, once learnt and before."""
    reader = StampReader()

    assert reader.find(line) is not None
    assert reader.find(line) == reader.find(line)


@pytest.mark.parametrize(
    "line",
    [
        "Started at 2016-01-01 00:00:00 by root",
        "no time here",
        "",
        "2023-02-30 10:00 is no time",
        "1234567 is a number",
        "99:99:99 is no clock",
        "2024-13-45 25:61:61 neither",
    ],
)
def test_what_is_no_time_is_not_taken_for_one(line: str) -> None:
    """Dates in prose and impossible ones do not open a line."""
    assert StampReader().find(line) is None


def test_a_time_without_a_year_survives_the_turn_of_the_year() -> None:
    """January after December sorts behind it, and so does December's straggler before January."""
    reader = StampReader()
    keys = [
        reader.find(f"{text} x").key
        for text in ("Dec 31 23:59:58", "Jan  1 00:00:01", "Dec 31 23:59:59", "Jan  2 00:00:00")
    ]  # type: ignore[union-attr]

    assert [keys[0], keys[2], keys[1], keys[3]] == sorted(keys)


def test_several_years_may_turn() -> None:
    """A log of three years without a year in it stays in order."""
    reader = StampReader()
    days = [f"{month} {day:2d} 12:00:00" for month in ("Jan", "Apr", "Jul", "Oct", "Dec") for day in (2, 28)] * 3
    keys = [stamp.key for day in days if (stamp := reader.find(f"{day} x"))]

    assert len(keys) == len(days)
    assert keys == sorted(keys)


def test_a_bare_clock_survives_midnight() -> None:
    """One in the morning after eleven at night is the next day."""
    reader = StampReader()
    before, after = (reader.find(f"{text} x") for text in ("23:59:59", "00:00:01"))

    assert before is not None
    assert after is not None
    assert after.key - before.key == 2.0


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(2002, 1, 1), max_value=datetime(2032, 1, 1)),
    st.sampled_from(
        [
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%d %H:%M:%S,%f",
            "%a %b %d %H:%M:%S %Y",
            "%d/%b/%Y:%H:%M:%S",
            "%y%m%d %H%M%S",
            "%Y/%m/%d %H:%M:%S",
        ]
    ),
)
def test_any_moment_comes_back(at: datetime, form: str) -> None:
    """Whatever the moment, the time written is the time read."""
    stamp = StampReader().find(f"{at:{form}} x")

    assert stamp is not None
    assert at.replace(microsecond=at.microsecond if "%f" in form else 0) == moment(stamp.key, stamp.text)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_borne(line: str) -> None:
    """No text breaks the reader, and what it finds is in the line."""
    stamp = StampReader().find(line)

    assert stamp is None or stamp.text in line
