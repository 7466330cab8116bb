"""Files made to break or to flood their reader: each is read or refused in a sentence, within a process's limits."""

import io
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from PIL import Image

from faultmaven_adapters.extraction import FileTextExtractor, ProcessOffload
from faultmaven_domain.kernel.extraction import Extracted, UnreadableFile, gathered
from tests.contracts.text_extractor import InPieces, a_pdf, a_picture, a_word_document

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
#: Each entity is ten of the one before: a few lines that are gigabytes once somebody writes them out.
LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "lollollol">'
LAUGHS += "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)) + "]>"
SECRET = '<!DOCTYPE x [<!ENTITY s SYSTEM "file:///etc/passwd"><!ENTITY n SYSTEM "http://127.0.0.1:9/x">]>'
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalog."""
    out = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + head + table + tail


def pages(kids: bytes, count: int) -> bytes:
    return b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)


def page(size: int = 300, resources: bytes = b"/Font << /F 5 0 R >>") -> bytes:
    box = b"/MediaBox [0 0 %d %d] /Contents 4 0 R /Resources << %s >>" % (size, size, resources)
    return b"<< /Type /Page /Parent 2 0 R " + box + b" >>"


def stream(data: bytes, extra: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), extra, data)


TEXT = stream(b"BT /F 12 Tf 20 20 Td (The disk of db-3 is full) Tj ET")


def png(width: int, height: int, data: bytes) -> bytes:
    """A picture that says it is of this size, whatever its data says."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def word(**parts: str | bytes) -> bytes:
    """A sound document but for these parts: ``word__document_xml`` is word/document.xml."""
    named = {f"{name.removesuffix('_xml').replace('__', '/')}.xml": content for name, content in parts.items()}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(a_word_document())) as sound,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in sound.namelist():
            if name not in named:
                made.writestr(name, sound.read(name))
        for name, content in named.items():
            made.writestr(name, content)
    return out.getvalue()


def body(content: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<w:document {WORD}><w:body>{content}</w:body></w:document>'


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def extractor() -> AsyncIterator[FileTextExtractor]:
    """One for all of them, as in a server: what a file does to its process, the next one meets."""
    offload = ProcessOffload(workers=1, memory_bytes=2**30)
    yield FileTextExtractor(offload, 5.0)
    await offload.close()


async def extracted(extractor: FileTextExtractor, data: bytes, filename: str) -> Extracted:
    return await gathered(extractor.extract(InPieces(data, 2**20), filename=filename))


async def refused(extractor: FileTextExtractor, data: bytes, filename: str) -> str:
    """Why; and the next file is read."""
    with pytest.raises(UnreadableFile) as caught:
        await extracted(extractor, data, filename)
    assert (await extracted(extractor, b"one line", "a.txt")).text == "one line"
    return caught.value.message


class TestPdf:
    async def test_a_tree_of_pages_that_leads_back_has_none(self, extractor: FileTextExtractor) -> None:
        """Pages that are their own parent, or their children's child, are named as damaged."""
        loop = pdf(CATALOG, pages(b"2 0 R 3 0 R", 2), b"<< /Type /Pages /Kids [2 0 R] /Parent 2 0 R /Count 1 >>")
        for data in (pdf(CATALOG, pages(b"2 0 R", 1)), loop):
            found = await extracted(extractor, data, "a.pdf")
            assert found.text == ""
            assert found.notes[-1] == "No text was found in the file."

    @pytest.mark.parametrize("kids", [b"3 0 R", b"3 0 R " * 100_000], ids=["claimed", "listed"])
    async def test_of_very_many_pages_the_first_are_read(self, extractor: FileTextExtractor, kids: bytes) -> None:
        """A million pages that are claimed, or one that is listed for ever, end at a bound that is told."""
        count = 1_000_000 if kids == b"3 0 R" else 100_000
        found = await extracted(extractor, pdf(CATALOG, pages(kids, count), page(), TEXT, FONT), "a.pdf")

        assert "The disk of db-3 is full" in found.text
        assert found.pages == count
        assert found.text.count("## Page ") == min(5000, kids.count(b"R"))
        assert found.notes[-1] == f"Not read: page 5001 to {count}: of a PDF the first 5000 pages are read."

    async def test_a_page_as_large_as_a_country_is_read(self, extractor: FileTextExtractor) -> None:
        """What a page measures costs nothing, and no picture of it is drawn beyond a screen's."""
        large = pdf(CATALOG, pages(b"3 0 R", 1), page(2**31 - 1), TEXT, FONT)

        assert "The disk of db-3 is full" in (await extracted(extractor, large, "a.pdf")).text

    async def test_an_object_that_is_its_own_length_is_borne(self, extractor: FileTextExtractor) -> None:
        """A stream whose length is itself, and a table of contents that names itself, end."""
        own = pdf(CATALOG, pages(b"3 0 R", 1), page(), b"<< /Length 4 0 R >>\nstream\nBT ET\nendstream", FONT)
        again = a_pdf().replace(b"/Size", b"/Prev 9 /Size")

        assert (await extracted(extractor, own, "a.pdf")).text == ""
        assert "Remove the oldest snapshots." in (await extracted(extractor, again, "a.pdf")).text

    async def test_what_unpacks_to_much_stays_within_the_limit(self, extractor: FileTextExtractor) -> None:
        """A page of a thousand bytes that unpacks twice to hundreds of megabytes is read or refused."""
        packed = zlib.compress(zlib.compress(bytes(300_000_000), 9), 9)
        bomb = stream(packed, b"/Filter [/FlateDecode /FlateDecode]")
        try:
            said = (await extracted(extractor, pdf(CATALOG, pages(b"3 0 R", 1), page(), bomb, FONT), "a.pdf")).notes[-1]
        except UnreadableFile as refusal:
            said = refusal.message
        assert said.endswith(".")

    async def test_drawings_that_draw_each_other_are_refused(self, extractor: FileTextExtractor) -> None:
        """Forms that name each other grow until their process may not, and only they are lost."""
        form = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R /Y 6 0 R >> >>"
        looping = pdf(
            CATALOG,
            pages(b"3 0 R", 1),
            page(300, b"/XObject << /X 5 0 R >>"),
            stream(b"/X Do " * 100),
            stream(b"/Y Do /Y Do", form),
            stream(b"/X Do /X Do", form),
        )

        assert await refused(extractor, looping, "a.pdf") in {
            "The process reading the file ended twice; it may be damaged.",
            "Reading the file takes more memory than it may.",
            "Reading the file took too long, and was stopped.",
        }

    async def test_only_the_owners_password_keeps_nobody_out(self, extractor: FileTextExtractor) -> None:
        """A PDF that opens without a password is read, whatever it forbids; one that does not says so."""
        from fpdf import FPDF

        def protected(user: str) -> bytes:
            made = FPDF()
            made.set_encryption(owner_password="a", user_password=user)
            made.set_font("helvetica", size=12)
            made.add_page()
            made.cell(text="The disk of db-3 is full")
            return bytes(made.output())

        assert "The disk of db-3 is full" in (await extracted(extractor, protected(""), "a.pdf")).text
        assert "password" in await refused(extractor, protected("b"), "a.pdf")


class TestPicture:
    @pytest.mark.parametrize(
        ("width", "height", "data", "said"),
        [
            (60_000, 60_000, zlib.compress(bytes(1000)), "80 million pixels"),
            (2**31 - 1, 2**31 - 1, b"", "80 million pixels"),
            (79_000_000, 1, zlib.compress(bytes(1000)), "cut it into parts"),
            (0, 0, b"", "damaged"),
        ],
    )
    async def test_a_size_is_not_believed(
        self, extractor: FileTextExtractor, width: int, height: int, data: bytes, said: str
    ) -> None:
        """A picture that says it is larger than any screen is not unpacked, nor one that is a thread."""
        assert said in await refused(extractor, png(width, height, data), "a.png")

    async def test_more_than_it_says_is_left(self, extractor: FileTextExtractor) -> None:
        """Of a small picture no more is unpacked than its size, however much there is."""
        lying = png(100, 100, zlib.compress(bytes(300_000_000), 9))

        assert (await extracted(extractor, lying, "a.png")).notes == ("No text was found in the file.",)

    @pytest.mark.parametrize("format", ["PNG", "WEBP"])
    async def test_of_a_moving_picture_one_is_read(self, extractor: FileTextExtractor, format: str) -> None:
        """An animation is its first picture."""
        file = io.BytesIO()
        with Image.open(io.BytesIO(a_picture("Connection refused"))) as first:
            others = [Image.new("RGB", first.size, (n, n, n)) for n in range(20)]
            first.save(file, format, save_all=True, append_images=others)

        assert (await extracted(extractor, file.getvalue(), "a.png")).text == "Connection refused\n"


class TestWord:
    @pytest.mark.parametrize("part", ["word__document_xml", "word__styles_xml", "word__numbering_xml"])
    async def test_no_entity_is_written_out(self, extractor: FileTextExtractor, part: str) -> None:
        """A document whose parts name entities in entities is refused, or read without them."""
        for before, entity in ((LAUGHS, "&a11;"), (SECRET, "&s;"), (SECRET, "&n;")):
            data = word(**{part: body(paragraph(f"before {entity} after"), before)})
            try:
                text = (await extracted(extractor, data, "a.docx")).text
            except UnreadableFile as refusal:
                text = refusal.message
            assert "lollollol" not in text
            assert "root:" not in text

    async def test_a_thousand_to_one_is_not_unpacked(self, extractor: FileTextExtractor) -> None:
        """Nor is a part larger than a document's can be, nor a document of very many parts."""
        dense = word(word__document_xml=body(paragraph(" " * 50_000_000)))
        large = word(word__document_xml=body("".join(paragraph(str(n * 2654435761)) for n in range(1_300_000))))
        many = io.BytesIO()
        with zipfile.ZipFile(many, "w") as archive:
            for number in range(10_001):
                archive.writestr(f"word/{number}", b"")
        for data in (dense, large, many.getvalue()):
            assert "unpacks to more" in await refused(extractor, data, "a.docx")

    async def test_tables_in_tables_end(self, extractor: FileTextExtractor) -> None:
        """Nested a hundred times they are read or refused, nested twenty thousand times refused."""
        deep = "<w:tbl><w:tr><w:tc>", "<w:p/></w:tc></w:tr></w:tbl>"
        read = word(word__document_xml=body(deep[0] * 50 + paragraph("inner") + deep[1] * 50))
        endless = word(word__document_xml=body(deep[0] * 20_000 + deep[1] * 20_000))

        assert "inner" in (await extracted(extractor, read, "a.docx")).text
        assert "damaged" in await refused(extractor, endless, "a.docx")

    async def test_a_cell_that_says_it_is_wide_is_one(self, extractor: FileTextExtractor) -> None:
        """Columns that a cell claims to cover cost nothing."""
        cell = f'<w:tc><w:tcPr><w:gridSpan w:val="100000000"/></w:tcPr>{paragraph("x")}</w:tc>'
        wide = word(word__document_xml=body(f"<w:tbl><w:tblGrid/><w:tr>{cell * 3}</w:tr></w:tbl>"))

        assert (await extracted(extractor, wide, "a.docx")).text == "| x | x | x |\n"


@pytest.mark.parametrize(
    ("filename", "data", "kind"),
    [
        ("a.xml", f'<?xml version="1.0"?>{LAUGHS}<a>&a11;</a>'.encode(), "xml"),
        ("a.xml", f'<?xml version="1.0"?>{SECRET}<a>&s;&n;</a>'.encode(), "xml"),
        ("a.xml", b"<a>" * 100_000 + b"</a>" * 100_000, "xml"),
        ("a.json", b"[" * 1_000_000, "json"),
        ("a.json", b'{"a":' * 500_000, "json"),
        ("a.json", b'{"a": NaN, "a": 1e999, "b": ' + b"9" * 100_000 + b"}", "json"),
        ("a.yaml", b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (n, n, n - 1, n - 1) for n in range(98, 122)),
         "yaml"),
        ("a.html", b"<!doctype html>" + b"<p a=b>" * 500_000 + b"x", "html"),
        ("a.csv", b"x," * 3_000_000, "csv"),
    ],
    ids=["laughs", "secrets", "deep xml", "deep array", "deep object", "odd numbers", "aliases", "endless html", "csv"],
)  # fmt: skip
async def test_a_text_stays_a_text(extractor: FileTextExtractor, filename: str, data: bytes, kind: str) -> None:
    """Entities, aliases and depth are only letters where nobody writes them out."""
    found = await extracted(extractor, data, filename)

    assert found.kind == kind
    assert len(found.text) <= 2 * len(data) + 100
    assert "root:" not in found.text


@pytest.mark.parametrize(
    ("data", "filename", "kind"),
    [
        (a_pdf(), "a.log", "pdf"),
        (a_picture("hello"), "a.pdf", "image"),
        (a_word_document(), "a.txt", "docx"),
        (b"2026-03-14 10:00:00 ERROR full\n" * 9, "a.png", "log"),
        (b"2026-03-14 10:00:00 ERROR full\n" * 9, "a.docx", "log"),
    ],
    ids=["PDF as log", "PNG as PDF", "docx as text", "log as PNG", "log as docx"],
)
async def test_a_false_label_is_told(extractor: FileTextExtractor, data: bytes, filename: str, kind: str) -> None:
    """The bytes decide, and a note says what the name promised."""
    found = await extracted(extractor, data, filename)

    assert found.kind == kind
    if not filename.endswith(".txt"):
        assert found.notes[-1].startswith("The name ends in .")
    assert found.text.strip()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("times", [100, 1_500_000], ids=["whole", "in pieces"])
async def test_utf16_needs_no_mark(extractor: FileTextExtractor, encoding: str, times: int) -> None:
    """Text in which every other byte is zero is what Windows writes, with a note that it was guessed."""
    found = await extracted(extractor, ("ERROR größe\n" * times).encode(encoding), "a.log")

    assert len(found.text) == 12 * times
    assert found.text.startswith("ERROR größe\nERROR")
    assert found.notes == (f"The file does not say how its letters are encoded; read as {encoding}.",)


async def test_lines_may_end_in_nothing_but_a_return(extractor: FileTextExtractor) -> None:
    """The line end of old Macintoshes is one."""
    found = await extracted(extractor, b"2026-03-14 10:00:00 ERROR one\r2026-03-14 10:00:01 ERROR two\r", "a.log")

    assert found.text == "2026-03-14 10:00:00 ERROR one\n2026-03-14 10:00:01 ERROR two\n"
