"""What every TextExtractor promises. An adapter's test class inherits this and gives `extractor` and `reads`."""

import asyncio
import io
from collections.abc import AsyncGenerator, Callable

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultmaven_domain.kernel.extraction import Extracted, TextExtractor, UnreadableFile, gathered


def a_pdf() -> bytes:
    from fpdf import FPDF

    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    for line in ("The disk of db-3 is full.", "Remove the oldest snapshots."):
        pdf.add_page()
        pdf.cell(text=line)
    return bytes(pdf.output())


def a_word_document() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("Disk full", 1)
    document.add_paragraph("The disk of db-3 is full.")
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def a_picture(*lines: str, format: str = "PNG") -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (900, 40 + 50 * len(lines)), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((20, 20 + 50 * number), line, fill="black", font=ImageFont.load_default(28))
    file = io.BytesIO()
    picture.save(file, format)
    return file.getvalue()


#: For each kind: a name, the bytes, the media type and something the text must hold.
SAMPLES: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "text": ("notes.txt", lambda: b"The disk of db-3 is full.\n", "text/plain", "disk of db-3"),
    "markdown": ("full.md", lambda: b"# Disk full\n\n- the disk of db-3\n", "text/markdown", "# Disk full\n"),
    "log": ("db.log", lambda: b"2026-03-01 10:00:00 E full\n", "text/plain", "10:00:00 E full\n"),
    "json": ("db.json", lambda: b'{"disk": "full"}', "application/json", '"disk": "full"'),
    "yaml": ("db.yaml", lambda: b"disk:\n  full: true\n", "application/yaml", "disk:\n  full: true\n"),
    "csv": ("db.csv", lambda: b"disk,use\ndb-3,100\n", "text/csv", "disk,use\ndb-3,100\n"),
    "xml": ("db.xml", lambda: b"<disk>\n<use>100</use>\n</disk>\n", "application/xml", "<use>100</use>"),
    "html": ("full.html", lambda: b"<html><h1>Disk full</h1><p>on db-3", "text/html", "# Disk full\n"),
    "pdf": ("full.pdf", a_pdf, "application/pdf", "Remove the oldest snapshots."),
    "docx": (
        "full.docx",
        a_word_document,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "# Disk full\n",
    ),
    "image": ("full.png", lambda: a_picture("The disk is full"), "image/png", "The disk is full"),
}


def assert_clean(extracted: Extracted) -> None:
    """Text as the port promises it: only ``\\n`` ends a line, no other control but tab, and it can be encoded."""
    assert not set(extracted.text) & set(map(chr, (*range(9), *range(11, 32), 127)))
    extracted.text.encode()
    assert extracted.kind in SAMPLES
    assert extracted.media_type.count("/") == 1
    assert all(note.endswith(".") for note in extracted.notes)


@frozen
class InPieces:
    """Contents that lie in memory."""

    data: bytes
    size: int = 1000

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self.data), self.size):
            yield self.data[start : start + self.size]


async def read_by(extractor: TextExtractor, data: bytes, *, filename: str) -> Extracted:
    return await gathered(extractor.extract(InPieces(data), filename=filename))


class TextExtractorContract:
    @pytest.fixture
    def extractor(self) -> TextExtractor:
        raise NotImplementedError

    @pytest.fixture
    def reads(self) -> frozenset[str]:
        """The kinds it reads; the others it refuses."""
        return frozenset(SAMPLES)

    @pytest.mark.parametrize("kind", SAMPLES)
    async def test_reads_the_kind_or_refuses_it(
        self, extractor: TextExtractor, reads: frozenset[str], kind: str
    ) -> None:
        """A file of a kind it reads gives its text, kind and media type; one of another is refused."""
        filename, content, media_type, expected = SAMPLES[kind]
        if kind not in reads:
            with pytest.raises(UnreadableFile):
                await read_by(extractor, content(), filename=filename)
            return
        extracted = await read_by(extractor, content(), filename=filename)

        assert (kind, media_type, ()) == (extracted.kind, extracted.media_type, extracted.notes)
        assert expected in extracted.text
        assert extracted.pages == (2 if kind == "pdf" else None)
        assert_clean(extracted)

    async def test_ends_lines_one_way(self, extractor: TextExtractor) -> None:
        """The three line ends become one, and nothing else of the text changes."""
        extracted = await read_by(extractor, b"one\r\n two \rthree\n\n\tfour", filename="a.txt")

        assert extracted.text == "one\n two \nthree\n\n\tfour"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
    async def test_reads_any_encoding(self, extractor: TextExtractor, encoding: str) -> None:
        """The same text comes out of the usual encodings, with a note where the encoding was guessed."""
        text = "Der Schlüssel für den Benutzer Müller läuft früher ab: größer als erlaubt.\n"
        extracted = await read_by(extractor, text.encode(encoding), filename="a.log")

        assert text == extracted.text
        assert bool(extracted.notes) == (encoding == "cp1252")

    async def test_reads_a_file_as_what_it_is(self, extractor: TextExtractor) -> None:
        """A name that promises another kind is not believed, and a note says so."""
        extracted = await read_by(extractor, b'{\n"disk": "full"\n}', filename="db.csv")

        assert (extracted.kind, extracted.media_type) == ("json", "application/json")
        assert extracted.notes == ("The name ends in .csv, but the file is JSON, and was read as that.",)

    async def test_refuses_an_empty_file(self, extractor: TextExtractor) -> None:
        """Nothing at all is refused, in so many words."""
        with pytest.raises(UnreadableFile, match=r"The file is empty\."):
            await read_by(extractor, b"", filename="a.txt")

    async def test_finds_no_text_in_blanks(self, extractor: TextExtractor) -> None:
        """A file of blanks has no text, and a note says so."""
        extracted = await read_by(extractor, b" \n\t\n ", filename="a.txt")

        assert (extracted.text, extracted.notes) == ("", ("No text was found in the file.",))

    @pytest.mark.parametrize("filename", ["a.txt", "a.pdf", "a.docx", "a.png", "a"])
    async def test_refuses_binary_junk(self, extractor: TextExtractor, filename: str) -> None:
        """Bytes of no kind are refused under any name."""
        with pytest.raises(UnreadableFile, match="binary"):
            await read_by(extractor, bytes(range(256)) * 20, filename=filename)

    async def test_refuses_old_word_documents(self, extractor: TextExtractor) -> None:
        """A .doc is refused with what to do instead."""
        data = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500) + "WordDocument".encode("utf-16-le") + bytes(500)
        with pytest.raises(UnreadableFile, match=r"save it as \.docx or PDF"):
            await read_by(extractor, data, filename="a.doc")

    async def test_reads_many_at_once(self, extractor: TextExtractor) -> None:
        """Files read together do not mix."""
        names = [f"file {n}" for n in range(30)]
        found = await asyncio.gather(*(read_by(extractor, name.encode(), filename=f"{name}.txt") for name in names))

        assert names == [extracted.text for extracted in found]

    @settings(
        max_examples=200,
        deadline=None,
        # An extractor keeps nothing from one file to the next, and every adapter's class is to meet the same bytes.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        data=st.binary(max_size=300) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")),
        start=st.sampled_from(["", "{", "<?xml ", "<html>", "%PDF-1.4\n", "PK\3\4", "\xff\xfe", "[1]\n", "\x1b["]),
        filename=st.sampled_from(["a.txt", "a.json", "a.xml", "a.html", "a.pdf", "a.docx", "a.csv", "a", "", "."]),
    )
    async def test_gives_clean_text_or_refuses(
        self, extractor: TextExtractor, data: bytes, start: str, filename: str
    ) -> None:
        """Whatever the bytes and the name are, the answer is clean text or a refusal, and never another failure."""
        try:
            assert_clean(await read_by(extractor, start.encode("latin-1") + data, filename=filename))
        except UnreadableFile as refusal:
            said = refusal.message
        else:
            said = "Read."
        assert said.endswith(".")
