"""Word documents as Markdown: headings, lists, tables as rows. The only file that imports python-docx."""

import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import field, frozen

from faultmaven_domain.kernel.extraction import UnreadableFile

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table, _Cell
    from docx.text.paragraph import Paragraph

LARGEST = 200 * 2**20  # bytes, unpacked; the archive's own figures hold, for zipfile reads no more than they say
LARGEST_PART = 48 * 2**20  # of them in one XML part; a document of a thousand pages has a tenth
MOST_PARTS = 10_000
LARGEST_RATIO = 200  # unpacked to packed, of a part above SMALL: text shrinks 10 to 50 times
SMALL = 2**20
ITEM = "- "


def word_text(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Raises: UnreadableFile when it is damaged, protected, or would unpack to more than a document can hold."""
    import docx  # late: few files need it

    _checked(data)
    try:
        document = docx.Document(io.BytesIO(data))
        lines = list(_Body(document).lines(document))
        notes = _not_read(document)
    except MemoryError:
        raise
    except Exception as error:  # what is amiss inside, python-docx meets as KeyError, ValueError, AttributeError...
        raise UnreadableFile("The Word document is damaged; open it in Word and save it anew.") from error
    return "\n".join(lines).strip() + "\n" if any(lines) else "", notes


def _checked(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise UnreadableFile("The document is protected by a password; save a copy without one.")
    too_dense = any(p.file_size > SMALL and p.file_size > LARGEST_RATIO * max(1, p.compress_size) for p in parts)
    too_large = any(part.filename.endswith((".xml", ".rels")) and part.file_size > LARGEST_PART for part in parts)
    if too_dense or too_large or len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST:
        raise UnreadableFile("The document unpacks to more than a document can hold, and was not opened.")


@frozen
class _Body:
    """The blocks of a document. A style is looked up once: python-docx goes through all of them each time."""

    document: "Document"
    _names: dict[str, str] = field(factory=dict)

    def lines(self, container: "Document | _Cell") -> Iterator[str]:
        from docx.text.paragraph import Paragraph

        listing = False
        for block in container.iter_inner_content():
            prefix = self._prefix(block) if isinstance(block, Paragraph) else ""
            if listing and prefix != ITEM:
                yield ""
            listing = prefix == ITEM
            if isinstance(block, Paragraph):
                text = block.text.strip()
                yield from (prefix + text,) if text else ()
            else:
                yield from self._rows(block)
            yield from () if listing else ("",)

    def _prefix(self, paragraph: "Paragraph") -> str:
        style = self._style(paragraph._p.style)
        word, _, level = style.partition(" ")
        if word == "Heading" and level.isdigit():
            return "#" * min(int(level), 6) + " "
        if style == "Title":
            return "# "
        numbered = paragraph._p.pPr is not None and paragraph._p.pPr.numPr is not None
        return ITEM if numbered or word == "List" else ""

    def _style(self, style_id: str | None) -> str:
        """A style's name; of none it is the default one's, which says nothing."""
        from docx.enum.style import WD_STYLE_TYPE

        if style_id is None:
            return ""
        if style_id not in self._names:
            style = self.document.styles.get_by_id(style_id, WD_STYLE_TYPE.PARAGRAPH)
            self._names[style_id] = style.name or ""
        return self._names[style_id]

    def _rows(self, table: "Table") -> Iterator[str]:
        from docx.table import _Cell

        for row in table._tbl.tr_lst:
            # As they are written: a merged cell would otherwise be given for each of the columns it says it covers.
            cells = [" ".join(" ".join(self.lines(_Cell(cell, table))).split()) for cell in row.tc_lst]
            yield "| " + " | ".join(cells) + " |"


def _not_read(document: "Document") -> tuple[str, ...]:
    pictures = len(document.element.body.xpath(".//pic:pic"))
    boxes = len(document.element.body.xpath(".//w:txbxContent"))
    return (
        *((f"Pictures in the document were not read: {pictures}.",) if pictures else ()),
        *((f"Text boxes in the document were not read: {boxes}.",) if boxes else ()),
    )
