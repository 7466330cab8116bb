from faultmaven_domain.evidence.analysis.records import LONGEST_LINE, LONGEST_SAMPLE, Record, RecordReader


def read(text: str) -> list[Record]:
    return list(RecordReader().records(text.split("\n")))


def test_a_stack_trace_hangs_below_its_line() -> None:
    """Indented lines and the exceptions among them belong to the line that failed."""
    records = read(
        "2024-05-01 12:00:00 ERROR c.e.Shop - order failed\n"
        "java.sql.SQLException: no connection\n"
        "\tat c.e.Shop.order(Shop.java:12)\n"
        "Caused by: java.net.ConnectException: Connection refused\n"
        "\t... 23 more\n"
        "2024-05-01 12:00:01 INFO c.e.Shop - next"
    )

    assert [record.number for record in records] == [1, 6]
    assert records[0].causes == [
        "java.sql.SQLException: no connection",
        "java.net.ConnectException: Connection refused",
    ]


def test_a_failure_printed_bare_is_not_buried_below_a_harmless_line() -> None:
    """An exception without a time of its own, behind an INFO line, is a record with the time of that line."""
    records = read(
        "2024-05-01 12:00:00 INFO c.e.Shop - order 1 handled\n"
        "java.lang.OutOfMemoryError: Java heap space\n"
        "\tat java.util.Arrays.copyOf(Arrays.java:3332)\n"
    )

    assert [r.message for r in records] == ["order 1 handled", "java.lang.OutOfMemoryError: Java heap space"]
    assert records[1].stamp == "2024-05-01 12:00:00"


def test_a_python_traceback_is_told_by_its_last_line() -> None:
    """The exception, which Python prints last, is the record's line."""
    records = read(
        "2024-05-01 12:00:00 INFO shop - order 1 handled\n"
        "Traceback (most recent call last):\n"
        '  File "/app/shop.py", line 3, in order\n'
        "    pay()\n"
        "ValueError: no such card\n"
        "2024-05-01 12:00:01 INFO shop - next"
    )

    assert [(r.number, r.message) for r in records] == [
        (1, "order 1 handled"),
        (5, "ValueError: no such card"),
        (6, "next"),
    ]
    assert records[1].text == "ValueError: no such card"


def test_a_traceback_below_a_failure_belongs_to_it() -> None:
    """Python's logging prints the traceback below the message it was logged with."""
    records = read(
        "2024-05-01 12:00:00 ERROR shop - order failed\n"
        "Traceback (most recent call last):\n"
        '  File "/app/shop.py", line 3, in order\n'
        "ValueError: no such card"
    )

    assert [record.causes for record in records] == [["ValueError: no such card"]]


def test_lines_of_plain_text_are_records_each() -> None:
    """Where nothing has a time or a level, every line that is not indented stands alone."""
    assert [record.message for record in read("one\ntwo\n  and a half\nthree")] == ["one", "two", "three"]


def test_blank_lines_count_as_lines_and_not_as_records() -> None:
    """Line numbers are those of the file; nothing behind the last line break is no line."""
    reader = RecordReader()

    assert [record.number for record in reader.records(["one\n", "\n", "  \n", "two\n", ""])] == [1, 4]
    assert reader.lines == 4


def test_colours_are_taken_off() -> None:
    """Terminal colour codes are no part of a line."""
    (record,) = read("\x1b[31m2024-05-01 12:00:00\x1b[0m ERROR it broke")

    assert (record.level, record.message) == ("ERROR", "it broke")


def test_a_line_of_a_megabyte_is_cut() -> None:
    """What is kept of a line is bounded."""
    (record,) = read("2024-05-01 12:00:00 ERROR " + "x" * 1_000_000)

    assert len(record.text) == LONGEST_SAMPLE
    assert len(record.message) <= LONGEST_LINE
