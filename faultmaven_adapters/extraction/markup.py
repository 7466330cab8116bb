"""HTML to readable text, and XML over lines; the only file that imports lxml.

Nothing is fetched and no entity of a document's own is expanded. The page is walked, not recursed into.
"""

import re

from attrs import define, field
from lxml import etree

from .plain import one_line

SKIPPED = frozenset({"head", "script", "style", "template", "noscript", "svg", "iframe", "object"})
HEADINGS = {f"h{n}": "#" * n + " " for n in range(1, 7)}
#: Set apart by blank lines; and what only begins a new line.
APART = frozenset({"p", "pre", "table", "ul", "ol", "dl", "blockquote", "section", "article", "figure", *HEADINGS})
LINES = frozenset({"div", "li", "tr", "dt", "dd", "br", "hr", "main", "header", "footer", "nav", "aside", "form",
                   "caption", "details", "summary", "figcaption", "fieldset", "option", "body"})  # fmt: skip
CELLS = frozenset({"td", "th"})
SPACE = re.compile(r"\s+")
DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>\s*")


def html_text(source: str) -> tuple[str, tuple[str, ...]]:
    """The page as Markdown: title, headings, lists, tables as rows of ``| cell |``, preformatted text fenced."""
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, no_network=True)
    root = etree.fromstring(source.encode(), parser)
    if root is None:
        return "", ()
    page = _Page()
    title = " ".join((root.findtext(".//title") or "").split())
    if title and root.find(".//h1") is None:
        page.written += [f"# {title}", ""]
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            page.end(element.tag)
            page.text(element.tail)
        elif element.tag in SKIPPED:
            walk.skip_subtree()
        else:
            page.start(element.tag)
            page.text(element.get("alt") if element.tag == "img" else element.text)
    cut = [entry for entry in parser.error_log if entry.type_name == "ERR_RESOURCE_LIMIT"]
    notes = (f"The page is nested too deep; from line {cut[0].line} on it was not read.",) if cut else ()
    return page.finished(), notes


def xml_text(source: str) -> str:
    """As it is; a small valid document on one line is put over lines. One with a DTD is never parsed."""
    if not one_line(source) or "<!DOCTYPE" in source:
        return source
    declaration = DECLARATION.match(source)
    start = declaration.end() if declaration else 0
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    try:
        tree = etree.ElementTree(etree.fromstring(source[start:].encode(), parser))
    except etree.XMLSyntaxError:
        return source
    etree.indent(tree)
    return source[:start].strip() + "\n" * bool(start) + etree.tostring(tree, encoding="unicode") + "\n"


@define
class _Page:
    """What has been written so far of one page."""

    written: list[str] = field(factory=list)
    _line: list[str] = field(factory=list)
    _prefix: str = ""
    _lists: list[int | None] = field(factory=list)  # the last number of each open list; None where it has none
    _cells: int = 0  # open table cells: within one, a line break is a space
    _verbatim: list[str] | None = None  # the preformatted text that is open

    def start(self, tag: str) -> None:
        if tag in APART or tag in LINES:
            self._break(apart=tag in APART and not self._lists)
        if tag in HEADINGS:
            self._prefix = HEADINGS[tag]
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._prefix = self._bullet()
        elif tag == "pre" and not self._cells and self._verbatim is None:
            self._verbatim = []
        elif tag in CELLS:
            self._line.append(" | ")
            self._cells += 1

    def end(self, tag: str) -> None:
        if tag in CELLS:
            self._cells -= 1
        elif tag == "tr":
            self._line.append(" |")
        elif tag == "pre" and self._verbatim is not None and not self._cells:
            self.written += ["```", *"".join(self._verbatim).strip("\n").split("\n"), "```"]
            self._verbatim = None
        if tag in ("ul", "ol"):
            self._lists.pop()
        if tag in APART or tag in LINES:
            self._break(apart=tag in APART and not self._lists)
        if tag == "li" or tag in HEADINGS:
            self._prefix = ""

    def text(self, text: str | None) -> None:
        if text and self._verbatim is not None:
            self._verbatim.append(text)
        elif text:
            self._line.append(text)

    def finished(self) -> str:
        self._break(apart=False)
        return "\n".join(self.written).strip() + "\n" if any(self.written) else ""

    def _bullet(self) -> str:
        indent = "  " * (len(self._lists) - 1)
        if not self._lists or self._lists[-1] is None:
            return indent + "- "
        self._lists[-1] += 1
        return f"{indent}{self._lists[-1]}. "

    def _break(self, *, apart: bool) -> None:
        if self._verbatim is not None:
            if self._verbatim and not self._verbatim[-1].endswith("\n"):
                self._verbatim.append("\n")
        elif self._cells:
            self._line.append(" ")
        else:
            line = SPACE.sub(" ", "".join(self._line)).strip()
            self._line.clear()
            if line:
                self.written.append(self._prefix + line)
                self._prefix = ""
            if apart and self.written and self.written[-1]:
                self.written.append("")
