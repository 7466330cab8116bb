"""Any file to text: one pure function, which a worker process can run."""

from attrs import evolve

from faultmaven_domain.kernel.extraction import Extracted, UnreadableFile

from .encoding import clean
from .plain import noted_if_blank, read_plain
from .sniff import binary_kind, mislabelled

OCR_SECONDS = 120.0


def read(data: bytes, filename: str, ocr_seconds: float = OCR_SECONDS) -> Extracted:
    """What the file says. Its bytes decide what it is, and its name only among kinds of text.

    ``ocr_seconds``: how long scanned pages of a PDF may be read. Raises: UnreadableFile.
    """
    if not data:
        raise UnreadableFile("The file is empty.")
    binary = binary_kind(data)
    if binary is None:
        return _unmarked(read_plain(data, filename))
    kind, media_type = binary
    pages = None
    if kind == "pdf":
        from .pdf import pdf_text

        text, pages, notes = pdf_text(data, ocr_seconds=ocr_seconds)
    elif kind == "docx":
        from .word import word_text

        text, notes = word_text(data)
    else:
        from .picture import picture_text

        text, notes = picture_text(data)
    notes += mislabelled(filename, kind)
    return noted_if_blank(Extracted(text=clean(text), kind=kind, media_type=media_type, pages=pages, notes=notes))


def _unmarked(plain: Extracted) -> Extracted:
    if plain.kind == "html":
        from .markup import html_text

        text, notes = html_text(plain.text)
        return noted_if_blank(evolve(plain, text=clean(text), notes=plain.notes + notes))
    if plain.kind == "xml":
        from .markup import xml_text

        return evolve(plain, text=clean(xml_text(plain.text)))
    return plain
