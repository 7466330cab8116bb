import re
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultmaven_domain.knowledge.chunking import (
    LONGEST_PASSAGE,
    OVERLAP,
    PATH,
    front_matter,
    is_markdown,
    sections,
    split,
    title_of,
)
from faultmaven_domain.knowledge.models import Section

RUNBOOK = dedent("""\
    ---
    title: "Disk full"
    tags: [disk, 'on-call', ]
    weight: 20
    ---

    # DiskFull

    Somebody wrote this.

    ## Meaning

    The disk is full.

    ## Diagnosis

    ### On the node

    ```sh
    # not a heading
    df -h
    ```

    ### In the cluster ###

    Ask.

    Mitigation
    ----------

    Delete something.
    """)

words = st.text("abc XY.,;:!?-", max_size=80)
lines = st.one_of(
    words,
    st.text(max_size=60),
    st.integers(1, 7).map(lambda n: "#" * n + " Heading " + "x" * n),
    st.sampled_from(["", "", "", "```", "````", "~~~", "---", "===", "> said", "- item", "    code", "| a | b |", "#"]),
    st.integers(1, 4).map(lambda n: "long words and more " * 60 * n),
    st.integers(1, 3).map(lambda n: "x" * 700 * n),
)
texts = st.lists(lines, max_size=40).map("\n".join)


def bare(text: str) -> str:
    """What cannot be lost: everything but white space."""
    return "".join(text.split())


# --- front matter and titles


@pytest.mark.parametrize(
    ("text", "title", "tags"),
    [
        (RUNBOOK, "Disk full", ("disk", "on-call")),
        ("+++\ntitle = 'A: B = C'\ntags = [\"x\"]\n+++\nText", "A: B = C", ("x",)),
        ("---\ntitle: a=b\ntags:\n- one\n- 'two'\nother: 1\n- three\n---\n", "a=b", ("one", "two")),
        ("---\ntags: one, two\n---\n", None, ("one", "two")),
        ("---\r\ntitle: Windows\r\n---\r\n", "Windows", ()),
        ("---\ntitle: Never closed\n\nText", None, ()),
        ("---\nThis is a sentence.\n---\n", None, ()),
        ("Text\n---\ntitle: Too late\n---\n", None, ()),
        ("", None, ()),
    ],
)
def test_front_matter(text: str, title: str | None, tags: tuple[str, ...]) -> None:
    """Title and tags are read in YAML's and TOML's ways of writing them; what only looks alike is text."""
    found = front_matter(text)

    assert (title, tags) == (found.title, found.tags)


@pytest.mark.parametrize(
    ("text", "filename", "title"),
    [
        (RUNBOOK, "disk.md", "Disk full"),
        ("intro\n\n## `Second` **level**\n", "x.md", "Second level"),
        ("Heading\n=====\n", None, "Heading"),
        ("# a remark", "nginx_main.conf", "nginx main"),
        ("no heading", "KubePodCrashLooping.md", "KubePodCrashLooping"),
        ("no heading", ".md", ".md"),
        ("no heading", None, None),
        ("---\ntitle:\n---\n# From the heading", None, "From the heading"),
    ],
)
def test_what_a_document_calls_itself(text: str, filename: str | None, title: str | None) -> None:
    """Its front matter is asked first, then its first heading, then its file's name."""
    assert title == title_of(text, filename=filename)


# --- sections


def test_sections_by_heading_path() -> None:
    """Headings make paths, the one that repeats the title is left out, and fenced code holds none."""
    found = sections(RUNBOOK, title="Disk Full")

    assert [(s.heading, s.text) for s in found] == [
        ("", "Somebody wrote this."),
        ("Meaning", "The disk is full."),
        ("Diagnosis > On the node", "```sh\n# not a heading\ndf -h\n```"),
        ("Diagnosis > In the cluster", "Ask."),
        ("Mitigation", "Delete something."),
    ]


def test_a_first_heading_of_its_own_stays() -> None:
    """A heading that says something else than the title is part of every path below it."""
    assert tuple(s.heading for s in sections("# Other\nx\n## Meaning\ny", title="Disk")) == ("Other", "Other > Meaning")


def test_headings_without_words() -> None:
    """One with sections under it gives its name to them; a last one is a section by itself."""
    found = sections("# A\n## B\n### C\ntext\n## D\n")

    assert (Section(heading="A > B > C", text="text"), Section(heading="A > D", text="")) == found


@pytest.mark.parametrize(
    "text",
    [
        "a line\nand one\n---\n",
        "- item\n---",
        "    code\n---",
        "| a |\n| - |",
        "#hashtag",
        "# " + "long " * 100,
        "~~~\n# x\n```\n# y\n~~~",
        "```\n# never closed",
    ],
)
def test_what_only_looks_like_a_heading(text: str) -> None:
    """Lists, tables, tags, rules under paragraphs and unclosed fences are text."""
    assert [s.heading for s in sections(text)] == [""]


@pytest.mark.parametrize("name", ["app.LOG", "a.yaml", "nginx.conf", "b.json", "notes.txt"])
def test_other_kinds_have_no_headings(name: str) -> None:
    """In a file that is not Markdown the whole is one section, remarks and all."""
    text = "# a remark\nkey: value\n\n---\nmore\n"

    assert not is_markdown(name)
    assert (Section(heading="", text=text.strip()),) == sections(text, markdown=is_markdown(name))
    assert is_markdown("a.md")
    assert is_markdown("page.html")
    assert is_markdown(None)


@settings(deadline=None)
@given(texts)
def test_sections_lose_nothing(text: str) -> None:
    """Every line that is no heading is in some section, in order; so is every heading, in some path."""
    found = sections("\n" + text)  # a blank line first: then there is no front matter
    headings = [name for s in found for name in s.heading.split(PATH) if name]
    kept = bare("".join(s.text for s in found))

    rest = kept
    for line in re.sub(r"\r\n?", "\n", text).split("\n"):
        piece = bare(line)
        if rest.startswith(piece):
            rest = rest[len(piece) :]
        else:
            name = bare(line.strip().strip("#").replace("`", "").replace("**", ""))
            underline = not piece.strip("=-")
            assert underline or name in {bare(h) for h in headings} or any(bare(h).startswith(name) for h in headings)
    assert rest == ""


@settings(deadline=None)
@given(texts)
def test_a_section_is_one_section(text: str) -> None:
    """What was found to be one section is one when it is asked about alone."""
    for section in sections("\n" + text):
        if section.text:
            assert (Section(heading="", text=section.text),) == sections("\n" + section.text)


# --- chunks


def test_a_section_that_fits_is_one_chunk() -> None:
    """Sections are not mixed, and what is short is not cut."""
    chunks = split(RUNBOOK, title="Disk full")

    assert [(s.heading, s.text) for s in sections(RUNBOOK, title="Disk full")] == [(c.section, c.text) for c in chunks]
    assert {0} == {c.overlap for c in chunks}


def test_long_sections_are_cut_between_paragraphs() -> None:
    """Each further chunk begins with the end of the one before it, and says how much that is."""
    paragraphs = [f"Paragraph {n}. " + "Some words follow here. " * 18 + f"The end of {n}." for n in range(6)]

    chunks = split("## Long\n\n" + "\n\n".join(paragraphs), title="T")

    assert len(chunks) == 6
    assert {"Long"} == {c.section for c in chunks}
    for n, chunk in enumerate(chunks):
        assert chunk.text[chunk.overlap :].lstrip("\n") == paragraphs[n]
        assert (chunk.overlap > 0) == (n > 0)
        if n:
            assert chunk.text[: chunk.overlap].endswith(f"The end of {n - 1}.")


def test_code_is_not_cut_where_it_fits() -> None:
    """A fenced block moves as a whole into the next chunk, and none of it is repeated."""
    code = "```sh\n" + "\n".join(f"command --number {n}\n" for n in range(25)) + "\n```"
    text = "## A\n\n" + "Words. " * 60 + "\n\n" + code + "\n\n" + "More. " * 60

    chunks = split(text, title="T")

    assert [c for c in chunks if code in c.text]
    assert all(c.text.count("```") in (0, 2) for c in chunks)
    assert "command" not in chunks[-1].text


def test_code_too_long_is_cut_between_lines() -> None:
    """Only a block longer than a passage is cut, and then at the end of a line."""
    code = "\n".join(f"line {n} " + "x" * 40 for n in range(60))

    chunks = split(f"```\n{code}\n```", title="T")

    assert len(chunks) > 2
    assert all(re.fullmatch(r"line \d+ x{40}|```", line) for c in chunks for line in c.text.split("\n"))
    assert {0} == {c.overlap for c in chunks}


def test_a_document_of_headings_alone_is_found_by_them() -> None:
    """A section without words is a chunk of its heading."""
    assert [(c.section, c.text) for c in split("# Install\n## Linux", title="T")] == [("Install > Linux", "Linux")]


def test_nothing_is_no_chunk() -> None:
    """An empty text has none."""
    assert () == split(" \n\n", title="T") == split("", title="T", markdown=False)


@settings(deadline=None)
@given(texts, st.booleans())
def test_chunks_lose_nothing_and_keep_their_bounds(text: str, markdown: bool) -> None:
    """Put together without what they repeat, a section's chunks are the section; none is too long or empty."""
    text = "\n" + text
    chunks = split(text, title="T", markdown=markdown)

    assert all(0 < len(c.text) <= LONGEST_PASSAGE and 0 <= c.overlap <= OVERLAP for c in chunks)
    assert all(c.text[c.overlap :].strip() for c in chunks)
    rest = list(chunks)
    for section in sections(text, title="T", markdown=markdown):
        whole, last = bare(section.text or section.heading.rsplit(PATH, 1)[-1]), ""
        while whole:
            chunk = rest.pop(0)
            assert chunk.section == section.heading
            if chunk.overlap:
                assert bare(chunk.text[: chunk.overlap]) in last
            last = bare(chunk.text[chunk.overlap :])
            assert whole.startswith(last)
            whole = whole[len(last) :]
    assert not rest


@pytest.mark.parametrize(
    "text",
    ["#" * 200_000, "`" * 200_000, "# x\n" * 50_000, "a\n---\n" * 50_000, "[" * 200_000, "x" * 400_000, " " * 200_000,
     "```\n" * 50_000, "- " * 100_000, "\n" * 200_000, "word. " * 60_000, "---\n" + "a: b\n" * 60_000],
    ids=range(12),
)  # fmt: skip
def test_hostile_texts_end(text: str) -> None:
    """Long runs of what has a meaning somewhere are cut as any other text, in time that grows with their length."""
    chunks = split(text, title="T")

    assert all(len(c.text) <= LONGEST_PASSAGE for c in chunks)
