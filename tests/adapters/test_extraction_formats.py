"""What becomes of each kind of file, on files made here."""

import io
import json
import re
import zipfile
from collections.abc import Callable

import docx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faultmaven_adapters.extraction.encoding import clean
from faultmaven_adapters.extraction.formats import read
from faultmaven_adapters.extraction.ocr import Box, rows, strips
from faultmaven_adapters.extraction.pdf import ranges
from faultmaven_adapters.extraction.plain import indented
from faultmaven_domain.kernel.extraction import UnreadableFile
from tests.contracts.text_extractor import a_pdf, a_picture, a_word_document, assert_clean


def text_of(data: bytes | str, filename: str = "a") -> str:
    return read(data.encode() if isinstance(data, str) else data, filename).text


def notes_of(data: bytes | str, filename: str = "a") -> tuple[str, ...]:
    return read(data.encode() if isinstance(data, str) else data, filename).notes


class TestPlain:
    @pytest.mark.parametrize(
        ("filename", "kind"),
        [("app.log.1", "log"), ("app.log-20260301", "log"), ("README.MD", "markdown"), ("x.yml", "yaml"), ("x", "text"),
         ("dir.json/x", "text"), ("x.tsv", "csv"), ("x.err", "log")],
    )  # fmt: skip
    def test_goes_by_the_name_where_the_text_says_nothing(self, filename: str, kind: str) -> None:
        """The last part of a name, in any case and also of a rotated log, decides between kinds of text."""
        assert kind == read(b"nothing special\n", filename).kind

    def test_knows_a_log_by_its_times(self) -> None:
        """Text of no particular name whose lines carry times is a log, and that is no mislabelling."""
        extracted = read(b"Mar  1 10:00:00 db-3 kernel: full\n\nMar  1 10:00:01 db-3 kernel: still\n", "journal.txt")

        assert (extracted.kind, extracted.notes) == ("log", ())

    def test_puts_one_line_of_json_over_lines(self) -> None:
        """JSON on one line is put over lines, with every value as it was written."""
        assert (
            text_of('{"a":1.0e5,"b":[1,{ }],"c":"x,\\"{y}"}')
            == '{\n  "a": 1.0e5,\n  "b": [\n    1,\n    {}\n  ],\n  "c": "x,\\"{y}"\n}\n'
        )

    @given(
        st.recursive(
            st.none() | st.floats(allow_nan=False) | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
        )
    )
    def test_json_over_lines_is_the_same_json(self, value: object) -> None:
        """Over lines it is still the same value."""
        assert value == json.loads(indented(json.dumps(value)))

    def test_keeps_json_of_any_depth(self) -> None:
        """A document nested a million deep is kept as it is."""
        deep = "[" * 1_000_000

        assert deep == text_of(deep, "a.json")

    def test_knows_json_of_many_lines(self) -> None:
        """A value on each line is JSON too, of a type of its own, and stays as it is."""
        extracted = read(b'{"a": 1}\n\n{"a": 2}\n', "a.json")

        assert (
            extracted.kind, extracted.media_type, extracted.text,
        ) == ("json", "application/x-ndjson", '{"a": 1}\n\n{"a": 2}\n')  # fmt: skip

    def test_keeps_broken_json_as_text(self) -> None:
        """What is called JSON and is not becomes plain text, with a note."""
        extracted = read(b'{"a": 1,}', "a.json")

        assert (
            extracted.kind,
            extracted.notes,
        ) == ("text", ("The file is not valid JSON, and was read as plain text.",))

    def test_takes_json_in_yaml_for_yaml(self) -> None:
        """YAML may be written as JSON: that is no mislabelling."""
        assert ((e := read(b'{"a": 1}', "a.yaml")).kind, e.notes) == ("yaml", ())


class TestEncoding:
    def test_leaves_out_holes(self) -> None:
        """A log that begins with a hole, as after truncation, is read from behind it."""
        extracted = read(bytes(5000) + b"started\n", "app.log")

        assert (extracted.text, extracted.notes) == ("started\n", ("5000 NUL bytes were left out.",))

    def test_leaves_out_colours(self) -> None:
        """Terminal colours, titles and other escapes are left out."""
        assert text_of("\x1b[1;31mERROR\x1b[0m\x1b]0;title\x07 it\x1b(B broke\x07\n") == "ERROR it broke\n"

    def test_keeps_utf8_with_a_few_bad_bytes(self) -> None:
        """A file that is UTF-8 but for a few bytes stays UTF-8, and a note counts them."""
        extracted = read("Größe, Schlüssel ".encode() + b"\xff\n", "a.log")

        assert extracted.text == "Größe, Schlüssel \ufffd\n"
        assert extracted.notes == ("1 characters are shown as \ufffd: the file is not valid UTF-8 there.",)

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [("Ошибка подключения к базе данных: превышено время ожидания\n", "cp1251"),
         ("エラー: データベースへの接続に失敗しました。再試行してください\n", "shift_jis"),
         ("temperature 71°C on node-3\n", "latin-1")],
    )  # fmt: skip
    def test_guesses_by_the_lines_that_tell(self, text: str, encoding: str) -> None:
        """The encoding is guessed by what is not ASCII, however much ASCII there is around it."""
        padding = "2026-03-01 10:00:00 INFO nothing to see here\n" * 3000

        assert padding + text + padding == text_of((padding + text + padding).encode(encoding), "a.log")

    def test_guesses_in_one_endless_line(self) -> None:
        """Neither the length of a line nor a flood of bytes that are not ASCII makes guessing slow."""
        assert read(b"x" * 2_000_000 + b"\xe9" * 2_000_000, "a").text

    def test_takes_any_byte_at_last(self) -> None:
        """What no guess fits is read byte by byte."""
        assert len(text_of(b"caf\xe9 \x81\x8d\n")) == 8

    def test_refuses_utf16_that_is_none(self) -> None:
        """A mark for UTF-16 before bytes that are none is not enough."""
        with pytest.raises(UnreadableFile, match="binary"):
            read(b"\xff\xfe" + b"\x00\xd8" * 100, "a.txt")

    def test_mends_surrogates(self) -> None:
        """Two halves of a letter are joined, and one alone is marked as lost."""
        assert clean("\ud83d\ude00 \ud800") == "\U0001f600 \ufffd"

    @given(st.text(st.characters(exclude_categories=[])))
    def test_cleaning_is_final(self, text: str) -> None:
        """Clean text is not changed by cleaning it again."""
        assert clean(text) == clean(clean(text))


TANGLE = (
    "<p>",
    "</p>",
    "<ul>",
    "</ul>",
    "<li>",
    "<ol>",
    "<pre>",
    "</pre>",
    "<table>",
    "<tr>",
    "<td>",
    "</td>",
    "x",
    "\n",
)


class TestHtml:
    def test_becomes_readable_text(self) -> None:
        """Headings, lists, tables, links and preformatted text stay; scripts, styles and comments go."""
        page = """<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body><!-- no -->
            <script>no()</script>
            <h1>Disk  full</h1><div>On <b>db-3</b>, see <a href="/x">the graph</a>.<br>Act now.</div>
            <ul><li>one<li><p>two</p><ol><li>deep</li><li>deeper</li></ol></ul><p>Then:
            <pre><code>df -h\n  du -s &lt;dir&gt;</code></pre>
            <table><tr><th>disk<th>use</tr><tr><td><p>db</p><p>3</p></td><td>100&nbsp;%</td></tr></table>
            <img alt="graph">"""

        assert text_of(page) == (
            "# Disk full\n\nOn db-3, see the graph.\nAct now.\n\n- one\n- two\n  1. deep\n  2. deeper\n\nThen:\n\n"
            "```\ndf -h\n  du -s <dir>\n```\n\n| disk | use |\n| db 3 | 100 % |\n\ngraph\n"
        )

    def test_takes_the_title_for_want_of_a_heading(self) -> None:
        """A page without a first heading is headed by its title."""
        assert text_of("<html><title>Disk\n full</title><p>On db-3.") == "# Disk full\n\nOn db-3.\n"

    def test_is_known_without_its_name(self) -> None:
        """A page saved as text is read as a page, with a note."""
        extracted = read(b"<!-- saved --> <html><p>hello", "a.txt")

        assert (extracted.kind, extracted.text) == ("html", "hello\n")
        assert extracted.notes == ("The name ends in .txt, but the file is HTML, and was read as that.",)

    def test_says_where_it_is_too_deep(self) -> None:
        """A page nested beyond what can be read says so."""
        extracted = read(b"<html><p>seen</p>" + b"<div>" * 100_000 + b"unseen", "a.html")

        assert extracted.text == "seen\n"
        assert extracted.notes == ("The page is nested too deep; from line 1 on it was not read.",)

    @pytest.mark.parametrize("page", ["<html>", "<!-- only -->", "<html><script>only()</script>"])
    def test_may_hold_nothing(self, page: str) -> None:
        """A page without text says so."""
        assert notes_of(page, "a.html") == ("No text was found in the file.",)

    @given(st.lists(st.sampled_from(TANGLE)))
    def test_reads_any_tangle(self, tags: list[str]) -> None:
        """No order of tags is a failure, and no text is lost."""
        assert tags.count("x") == text_of("<html>" + "".join(tags)).count("x")


class TestXml:
    def test_puts_one_line_over_lines(self) -> None:
        """A document on one line is put over lines."""
        assert (
            text_of('<?xml version="1.0"?><a><b c="1">x</b></a>')
            == '<?xml version="1.0"?>\n<a>\n  <b c="1">x</b>\n</a>\n'
        )

    @pytest.mark.parametrize("document", [
        "<a><b></a>",
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>\n<b/></a>",
    ])  # fmt: skip
    def test_leaves_the_rest_alone(self, document: str) -> None:
        """What is broken, has entities of its own or is over lines already stays as it is."""
        assert document == text_of(document, "a.xml")

    def test_may_be_none(self) -> None:
        """What is called XML and begins otherwise is plain text, with a note."""
        assert notes_of("disk: full", "a.xml") == ("The file is not valid XML, and was read as plain text.",)


def a_word_file(fill: Callable[[docx.document.Document], object]) -> bytes:
    document = docx.Document()
    fill(document)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return file.getvalue()


class TestWord:
    def test_becomes_markdown(self) -> None:
        """Title, headings, lists, merged and nested tables come in their order."""

        def fill(document: docx.document.Document) -> None:
            document.add_heading("Runbook", 0)
            document.add_heading("Fix", 2)
            document.add_paragraph("Do this:")
            document.add_paragraph("first", style="List Bullet")
            document.add_paragraph("second", style="List Number")
            table = document.add_table(2, 3)
            table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
            table.cell(0, 2).text = "narrow\nnext"
            table.cell(1, 0).add_table(1, 1).cell(0, 0).text = "inner"
            document.add_paragraph("Done.")

        assert text_of(a_word_file(fill)) == (
            "# Runbook\n\n## Fix\n\nDo this:\n\n- first\n- second\n\n"
            "| wide | narrow next |\n| | inner | |  |  |\n\nDone.\n"
        )

    def test_says_that_pictures_were_not_read(self) -> None:
        """Pictures inside a document are counted in a note."""
        data = a_word_file(lambda document: document.add_picture(io.BytesIO(a_picture("hello"))))

        assert notes_of(data) == ("Pictures in the document were not read: 1.", "No text was found in the file.")

    def test_is_known_by_its_content(self) -> None:
        """Another name does not matter, but is noted."""
        extracted = read(a_word_document(), "runbook.doc")
        assert (extracted.kind, extracted.notes) == ("docx", ())
        assert notes_of(a_word_document(), "runbook.pdf")

    def test_refuses_a_bomb(self) -> None:
        """A document that would unpack to far more than it is, is not unpacked."""
        with pytest.raises(UnreadableFile, match="unpacks to more"):
            read(zipped(word__document=bytes(50_000_000)), "a.docx")

    def test_refuses_many_large_parts(self) -> None:
        """Parts that are each plausible are not so together."""
        part = bytes(range(256)) * 4000
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("word/document.xml", b"<x/>")
            for number in range(210):
                archive.writestr(str(number), part)
        with pytest.raises(UnreadableFile, match="unpacks to more"):
            read(file.getvalue(), "a.docx")

    def test_refuses_what_is_protected_by_a_password(self) -> None:
        """Both ways in which an Office file is encrypted are known."""
        data = bytearray(a_word_document())
        for entry in re.finditer(rb"PK\x01\x02", bytes(data)):
            data[entry.start() + 8] |= 1
        ole = bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le")
        for protected in (bytes(data), ole):
            with pytest.raises(UnreadableFile, match="password"):
                read(protected, "a.docx")

    @pytest.mark.parametrize(
        ("content", "message"),
        [({"xl__workbook": b""}, "CSV"), ({"ppt__slides": b""}, "as PDF"), ({"a": b"x"}, "unpack it"),
         ({"META-INF__manifest.xml": b""}, "OpenDocument"), ({"word__nothing": b""}, "damaged")],
    )  # fmt: skip
    def test_refuses_other_archives(self, content: dict[str, bytes], message: str) -> None:
        """What is not a Word document is told apart, and says what to do."""
        with pytest.raises(UnreadableFile, match=message):
            read(zipped(**content), "a.docx")


class TestOtherKinds:
    @pytest.mark.parametrize(
        ("start", "message"),
        [(b"GIF89a", "PNG or JPEG"), (b"\x1f\x8b\x08", "compressed"), (b"{\\rtf1 hello}", "Rich Text"),
         (b"\x7fELF", "binary"), (bytes.fromhex("d0cf11e0a1b11ae1"), "old Office"), (b"\x00" * 100, "binary")],
    )  # fmt: skip
    def test_are_refused_with_what_to_do(self, start: bytes, message: str) -> None:
        """Kinds that are known and not read say so."""
        with pytest.raises(UnreadableFile, match=f"(?i){message}"):
            read(start, "a.txt")


class TestPdf:
    def test_has_a_heading_for_each_page(self) -> None:
        """Each page's text stands under its number."""
        extracted = read(a_pdf(), "a.pdf")

        assert extracted.text == "## Page 1\n\nThe disk of db-3 is full.\n\n## Page 2\n\nRemove the oldest snapshots.\n"
        assert extracted.pages == 2

    def test_reads_scanned_pages(self) -> None:
        """A page that is a picture is read as one; a blank page is only counted."""
        from fpdf import FPDF

        pdf = FPDF()
        pdf.add_page()
        pdf.image(io.BytesIO(a_picture("Connection refused", "by db-3 on port 5432")), w=180)
        pdf.add_page()
        extracted = read(bytes(pdf.output()), "scan.pdf")

        assert extracted.text == "## Page 1\n\nConnection refused\nby db-3 on port 5432\n"
        assert (extracted.pages, extracted.notes) == (2, ())

    def test_names_the_scanned_pages_it_had_no_time_for(self) -> None:
        """Past the time for pictures the pages with text are still read, and the others are named."""
        from fpdf import FPDF

        pdf = FPDF()
        pdf.set_font("helvetica", size=12)
        for number in range(1, 6):
            pdf.add_page()
            if number == 2:
                pdf.cell(text="This page has text of its own.")
            else:
                pdf.image(io.BytesIO(a_picture("hello")), w=180)
        extracted = read(bytes(pdf.output()), "scan.pdf", 0)

        assert extracted.text == "## Page 2\n\nThis page has text of its own.\n"
        assert extracted.notes == (
            "Not read: page 1, 3 to 5: a picture, and reading pictures stopped after 0 seconds.",
        )

    def test_says_that_it_is_protected(self) -> None:
        """A PDF with a password is refused with what to do."""
        from fpdf import FPDF

        pdf = FPDF()
        pdf.set_encryption(owner_password="a", user_password="b")
        pdf.add_page()
        with pytest.raises(UnreadableFile, match=r"password; save a copy without one"):
            read(bytes(pdf.output()), "a.pdf")

    def test_says_that_it_is_damaged(self) -> None:
        """A PDF that was cut off is refused."""
        with pytest.raises(UnreadableFile, match="damaged"):
            read(a_pdf()[:600], "a.pdf")

    def test_names_a_damaged_page(self) -> None:
        """One page that cannot be opened does not cost the others."""
        data = a_pdf()
        broken = data.replace(b"/Type /Page\n", b"/Type /Pagg\n", 1)
        assert broken != data
        extracted = read(broken, "a.pdf")

        assert extracted.text == "## Page 2\n\nRemove the oldest snapshots.\n"
        assert extracted.notes == ("Not read: page 1: damaged.",)

    def test_reads_other_alphabets_and_pages_drawn_large(self) -> None:
        """A page as large as a wall is drawn no larger than others."""
        from fpdf import FPDF

        pdf = FPDF(unit="pt", format=(14_000, 9_000))
        pdf.add_page()
        pdf.image(io.BytesIO(a_picture("Connection refused")), w=14_000)

        assert "Connection refused" in text_of(bytes(pdf.output()))

    @given(st.sets(st.integers(1, 30)))
    def test_ranges_name_each_number_once(self, numbers: set[int]) -> None:
        """Ranges stand for exactly the numbers they were made of."""
        named = [part.split(" to ") for part in ranges(sorted(numbers)).split(", ") if part]

        assert sorted(numbers) == [n for part in named for n in range(int(part[0]), int(part[-1]) + 1)]


class TestPicture:
    @pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
    def test_is_read(self, format: str) -> None:
        """Lines of a picture come from top to bottom, with their spaces."""
        lines = ("10:15:22 ERROR Connection refused", "by db-3, port 5432")

        assert lines == tuple(text_of(a_picture(*lines, format=format)).splitlines())

    def test_may_hold_no_text(self) -> None:
        """A picture without letters says so."""
        file = io.BytesIO()
        Image.new("L", (200, 100), 128).save(file, "PNG")

        assert notes_of(file.getvalue(), "a.png") == ("No text was found in the file.",)

    def test_is_turned_upright_and_put_on_paper(self) -> None:
        """Transparency is white, and the camera's turn is taken back."""
        with Image.open(io.BytesIO(a_picture("Connection refused"))) as picture:
            ink = picture.convert("L").point(lambda level: 255 - level)
        drawn = Image.merge("LA", (Image.new("L", ink.size, 0), ink)).transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6  # turned a quarter to the left
        file = io.BytesIO()
        drawn.save(file, "PNG", exif=exif)

        assert text_of(file.getvalue()) == "Connection refused\n"

    @pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (5, 5)])
    def test_may_have_any_shape(self, size: tuple[int, int]) -> None:
        """Pictures too small to hold a letter are no failure."""
        file = io.BytesIO()
        Image.new("RGB", size).save(file, "PNG")

        assert text_of(file.getvalue()) == ""

    def test_refuses_a_giant(self) -> None:
        """A picture of more pixels than a screen can have is not unpacked."""
        for width in (9_000, 10_000, 20_000):  # above our limit, above Pillow's warning, and above its own
            file = io.BytesIO()
            Image.new("1", (width, 9_000)).save(file, "PNG")
            with pytest.raises(UnreadableFile, match="80 million pixels"):
                read(file.getvalue(), "a.png")

    def test_refuses_a_damaged_one(self) -> None:
        """A picture that was cut off is refused with what to do."""
        with pytest.raises(UnreadableFile, match="damaged"):
            read(a_picture("hello")[:-200], "a.png")

    def test_is_cut_between_lines_where_it_is_tall(self) -> None:
        """A long screenshot is read in parts that end where nothing is written, and that are all of it."""
        pixels = np.full((5000, 40, 3), 255, np.uint8)
        for top in range(0, 5000, 50):
            pixels[top : top + 45, ::2] = 0  # lines of writing, with five rows between them
        parts = list(strips(pixels))

        assert all(part[0].min() == 255 for part in parts[1:])
        assert max(map(len, parts)) <= 1800
        assert np.array_equal(np.concatenate(parts), pixels)

    def test_boxes_become_rows(self) -> None:
        """Boxes beside each other are one line, with a gap as wide as it looked."""
        row = [(50, "x"), (0, "abcde"), (300, "y")]
        boxes = [Box(left=left, top=0, right=left + 10 * len(text), bottom=20, text=text) for left, text in row]
        below = Box(left=0, top=25, right=10, bottom=45, text="z")

        assert rows([below, *boxes]) == ["abcde x        y", "z"]

    @given(st.lists(st.tuples(*[st.floats(0, 500)] * 4, st.text(min_size=1, max_size=5))))
    def test_rows_lose_no_box(self, boxes: list[tuple[float, float, float, float, str]]) -> None:
        """Wherever the boxes stand, each text is in a row once."""
        joined = rows(Box(left=x, top=y, right=x + w, bottom=y + h, text=text) for x, y, w, h, text in boxes)

        assert sorted("".join(box[4] for box in boxes).replace(" ", "")) == sorted("".join(joined).replace(" ", ""))


SOUND = {"a.pdf": a_pdf(), "a.docx": a_word_document(), "a.png": a_picture("hello")}


@settings(max_examples=150, deadline=None)
@given(
    filename=st.sampled_from(list(SOUND)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6),
    kept=st.floats(0.1, 1),
)
def test_damage_is_refused_or_read(filename: str, changes: list[tuple[float, bytes]], kept: float) -> None:
    """However a document was damaged, it is read or refused, and never another failure."""
    data = bytearray(SOUND[filename])
    for place, change in changes:
        at = int(place * len(data))
        data[at : at + len(change)] = change
    try:
        assert_clean(read(bytes(data[: int(kept * len(data))]), filename, 0))
    except UnreadableFile as refusal:
        said = refusal.message
    else:
        said = "Read."
    assert said.endswith(".")
