"""PDF page by page, scanned pages as pictures. The only file that imports pypdfium2."""

import threading
import time
from typing import Any

from faultmaven_domain.kernel.extraction import UnreadableFile

from .encoding import clean
from .ocr import Pixels, read_pixels

#: PDFium is not thread-safe, not even for two documents.
ONE_AT_A_TIME = threading.Lock()
FEWEST_CHARACTERS = 20  # of text on a page with pictures; below it, the page is taken for a scan
SCAN_SCALE = 200 / 72  # 200 dots per inch
LONGEST_SIDE = 3000  # pixels a page is drawn to, at most
MOST_PAGES = 5_000  # that are read; a file may claim any number of them


def pdf_text(data: bytes, *, ocr_seconds: float) -> tuple[str, int, tuple[str, ...]]:
    """The text under a heading for each page, the number of pages, and what was not read.

    Scanned pages are read until ``ocr_seconds`` have gone into them. Raises: UnreadableFile.
    """
    import pypdfium2  # type: ignore[import-untyped]  # late: few files need it

    with ONE_AT_A_TIME:
        try:
            with pypdfium2.PdfDocument(data) as document:
                return _pages(document, ocr_seconds)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
                raise UnreadableFile("The PDF is protected by a password; save a copy without one.") from error
            raise UnreadableFile("The PDF is damaged; open it and print it to a new PDF.") from error


def _pages(document: Any, ocr_seconds: float) -> tuple[str, int, tuple[str, ...]]:
    from pypdfium2 import PdfiumError

    written: list[str] = []
    unread: dict[str, list[int]] = {}
    spent = 0.0
    pages = len(document)
    for number in range(1, min(pages, MOST_PAGES) + 1):
        try:
            page = document[number - 1]
            text = clean(page.get_textpage().get_text_bounded()).strip()
            if len(text) < FEWEST_CHARACTERS and _has_picture(page):
                if spent >= ocr_seconds:
                    raise UnreadableFile(f"a picture, and reading pictures stopped after {ocr_seconds:.0f} seconds")
                began = time.monotonic()
                text = "\n".join(read_pixels(_drawn(page))) or text
                spent += time.monotonic() - began
        except PdfiumError:
            unread.setdefault("damaged", []).append(number)
        except UnreadableFile as error:
            unread.setdefault(error.message, []).append(number)
        else:
            written += (f"## Page {number}\n\n{text}\n",) if text else ()
    if pages > MOST_PAGES:
        why = f"of a PDF the first {MOST_PAGES} pages are read"
        unread[why] = list(range(MOST_PAGES + 1, pages + 1))
    notes = tuple(f"Not read: page {ranges(numbers)}: {why.rstrip('.')}." for why, numbers in unread.items())
    return "\n".join(written), pages, notes


def _has_picture(page: Any) -> bool:
    from pypdfium2 import raw

    return any(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]))


def _drawn(page: Any) -> Pixels:
    scale = min(SCAN_SCALE, LONGEST_SIDE / max(1.0, *page.get_size()))
    pixels: Pixels = page.render(scale=scale, rev_byteorder=True).to_numpy().copy()  # the view dies with the bitmap
    return pixels


def ranges(numbers: list[int]) -> str:
    """Ascending numbers as a person writes them: 1, 3 to 5, 8."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
