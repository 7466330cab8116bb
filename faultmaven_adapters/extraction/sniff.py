"""What a file is: by its bytes first, by its name where many kinds look alike."""

import io
import re
import zipfile
from pathlib import PurePath

from faultmaven_domain.kernel.extraction import UnreadableFile

from .encoding import BINARY

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MEDIA_TYPES = {
    "text": "text/plain",
    "log": "text/plain",
    "markdown": "text/markdown",
    "json": "application/json",
    "yaml": "application/yaml",
    "csv": "text/csv",
    "xml": "application/xml",
    "html": "text/html",
    "pdf": "application/pdf",
    "docx": WORD,
}
#: What a person calls each kind.
NAMES = {
    "text": "plain text",
    "log": "a log",
    "markdown": "Markdown",
    "json": "JSON",
    "yaml": "YAML",
    "csv": "a table",
    "xml": "XML",
    "html": "HTML",
    "pdf": "a PDF",
    "docx": "a Word document",
    "image": "a picture",
}
EXTENSIONS = {
    **dict.fromkeys(("txt", "text", "conf", "cfg", "ini", "out", "properties"), "text"),
    **dict.fromkeys(("log", "err", "trace"), "log"),
    **dict.fromkeys(("md", "markdown"), "markdown"),
    **dict.fromkeys(("json", "jsonl", "ndjson"), "json"),
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    **dict.fromkeys(("csv", "tsv"), "csv"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("png", "jpg", "jpeg", "webp"), "image"),
    "xml": "xml",
    "pdf": "pdf",
    "docx": "docx",
}
ROTATED = re.compile(r"\.log[.-]\d[\d.-]*$")

PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
#: Known and not read: how it begins, and what to say.
UNREAD = (
    ((b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"), "This kind of picture is not read; save it as PNG or JPEG."),
    ((b"\x1f\x8b", b"BZh91AY&SY", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"),
     "The file is compressed; unpack it and send what is inside."),
    ((b"{\\rtf",), "Rich Text is stored but not read; save it as .docx or PDF."),
    ((b"\x7fELF", b"SQLite format 3\0"), BINARY),
)  # fmt: skip
#: Streams inside an OLE file, whose names are in UTF-16, and what they make it.
OLE_STREAMS = (
    ("EncryptedPackage", "The document is protected by a password; save a copy without one."),
    ("WordDocument", "The old Word format (.doc) is stored but not read; save it as .docx or PDF."),
    ("Workbook", "The old Excel format (.xls) is stored but not read; save the sheets as CSV."),
    ("PowerPoint Document", "The old PowerPoint format (.ppt) is stored but not read; save it as PDF."),
)
#: First folders inside a zip, and what they make it.
ZIPPED = (
    ("xl/", "Excel workbooks are stored but not read; save the sheets as CSV."),
    ("ppt/", "Slides are stored but not read; save them as PDF."),
    ("META-INF/manifest.xml", "OpenDocument files are stored but not read; save it as .docx or PDF."),
)


def named_kind(filename: str) -> str | None:
    """The kind the name speaks of; None where it says nothing."""
    name = PurePath(filename).name.lower()
    return "log" if ROTATED.search(name) else EXTENSIONS.get(name.rpartition(".")[2])


def binary_kind(data: bytes) -> tuple[str, str] | None:
    """``(kind, media type)`` of a file that is no text; None where it may be one.

    Raises: UnreadableFile for kinds that are known and not read, saying what to do instead.
    """
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return "pdf", MEDIA_TYPES["pdf"]
    for magic, media_type in PICTURES.items():
        if data.startswith(magic):
            return "image", media_type
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image", "image/webp"
    if data.startswith(OLE):
        said = [message for stream, message in OLE_STREAMS if stream.encode("utf-16-le") in data]
        raise UnreadableFile(said[0] if said else "Old Office files are stored but not read; save it as .docx or PDF.")
    if data.startswith((b"PK\3\4", b"PK\5\6")):
        return _zipped_kind(data)
    for beginnings, message in UNREAD:
        if data.startswith(beginnings):
            raise UnreadableFile(message)
    return None


def begins_as_text(head: bytes) -> bool:
    """False for what is known to be no text by its first bytes."""
    known = (*PICTURES, OLE, b"RIFF", b"PK\3\4", b"PK\5\6", *(magic for magics, _ in UNREAD for magic in magics))
    return not head.startswith(known) and not head[:1024].lstrip().startswith(b"%PDF-")


def _zipped_kind(data: bytes) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UnreadableFile("The file is damaged: its end is missing or broken; send it again.") from error
    if any(name.startswith("word/") for name in names):
        return "docx", WORD
    for beginning, message in ZIPPED:
        if any(name.startswith(beginning) for name in names):
            raise UnreadableFile(message)
    raise UnreadableFile("The file is a zip archive; unpack it and send what is inside.")


def mislabelled(filename: str, kind: str) -> tuple[str, ...]:
    """A note where the name promises another kind. Plain text promises nothing: whatever is text may be called so."""
    named = named_kind(filename)
    texts = {"text", "log", "markdown", "json", "yaml", "csv", "xml"}
    if named in (None, kind) or (named == "text" and kind in texts):
        return ()
    suffix = PurePath(filename).suffix
    return (f"The name ends in {suffix}, but the file is {NAMES[kind]}, and was read as that.",)
