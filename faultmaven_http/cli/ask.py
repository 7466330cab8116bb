"""Teach, search and ask, without a server or beside one."""

from pathlib import Path

import click

from faultmaven_adapters import Ingested, open
from faultmaven_domain.agent import Answer, Citation
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput

from ..progress import bar, warn
from .options import as_json, data_dir, printed, run_async, settings_for

_paths = click.Path(path_type=Path)


@click.command(short_help="Teach runbooks and other documents.")
@click.argument("paths", nargs=-1, type=_paths)
@click.option("--reindex", is_flag=True, help="First build the whole index anew, with the present embedding model.")
@data_dir
@as_json
@run_async
async def ingest(paths: tuple[Path, ...], reindex: bool, data_dir: Path | None, as_json: bool) -> None:
    """Teach files, and those in folders, to the knowledge base that everybody sees.

    \b
    Examples:
      faultmaven ingest runbooks/
      faultmaven ingest oncall.md postmortems/2026-03.pdf
      faultmaven ingest --reindex

    What was there unchanged is left alone; what changed is replaced. Says what it skipped and why.
    """
    if not paths and not reindex:
        raise click.UsageError("Name files or folders, or say --reindex.")
    settings = settings_for(data_dir, quiet=True)
    with bar("Ingesting") as progress:
        async with open(settings=settings, rebuild=reindex, progress=progress.update) as fm:
            _say(fm.notes)
            seen: list[Ingested] = []

            def tell(one: Ingested) -> None:
                seen.append(one)
                progress.update(one.path.name, len(seen), None)

            done = await fm.ingest(*paths, seen=tell)
            if reindex:
                await fm.settled()
    failed = [one for one in done if one.document is not None and one.reason]
    skipped = [one for one in done if one.document is None]
    good = [one for one in done if one.document is not None and not one.reason]
    unchanged = sum(one.unchanged for one in good)
    if as_json:
        printed(
            {
                "documents": len(good),
                "unchanged": unchanged,
                "skipped": [{"path": str(one.path), "reason": one.reason} for one in skipped],
                "failed": [{"path": str(one.path), "reason": one.reason} for one in failed],
            }
        )
    else:
        if reindex:
            click.echo("The index is built anew.")
        if paths:
            click.echo(f"{len(good)} documents" + (f" ({unchanged} unchanged)" if unchanged else ""))
        for word, those in (("skipped", skipped), ("failed", failed)):
            for one in those:
                click.echo(f"{word} {one.path}: {one.reason}")
    if failed or (paths and not good):
        raise FaultMavenError(f"{len(failed)} of {len(done)} files failed." if failed else "Nothing was ingested.")


@click.command(short_help="Search the knowledge base.")
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 50), default=10, show_default=True)
@data_dir
@as_json
@run_async
async def search(query: str, limit: int, data_dir: Path | None, as_json: bool) -> None:
    """Search the runbooks.

    \b
    Examples:
      faultmaven search "pod keeps restarting"
      faultmaven search --json --limit 3 "etcd has no leader"
    """
    settings = settings_for(data_dir, quiet=True)
    with bar("Opening") as progress:
        opening = open(settings=settings, progress=progress.update)
        fm = await opening.__aenter__()
    try:
        result = await fm.search(query, limit=limit)
    finally:
        await opening.__aexit__(None, None, None)
    if as_json:
        printed(result)
        return
    _say(result.notes)
    for hit in result.hits:
        click.echo(f"{hit.score:.2f}  {hit.title}" + (f" § {hit.section}" if hit.section else ""))
        click.echo("      " + " ".join(hit.snippet.split())[:160])
    if not result.hits:
        warn("Nothing was found.")


@click.command(short_help="Ask about files.")
@click.argument("question")
@click.option("--file", "-f", "files", multiple=True, type=_paths, help="A log, config or other evidence; repeatable.")
@data_dir
@as_json
@run_async
async def ask(question: str, files: tuple[Path, ...], data_dir: Path | None, as_json: bool) -> None:
    """Ask what is wrong, and get an answer that cites the files' lines and the runbooks.

    \b
    Examples:
      faultmaven ask --file app.log "What is failing, and what should I check first?"
      faultmaven ask -f app.log -f config.yaml "Why do we see 503s since 14:00?"
    """
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        raise InvalidInput(f"{missing} is not a file.", field="file")
    settings = settings_for(data_dir, quiet=True)
    with bar("Looking into it") as progress:
        async with open(settings=settings, progress=progress.update) as fm:
            answer = await fm.ask(question, files=files)
    if as_json:
        printed(answer)
    else:
        click.echo(shown(answer))


def shown(answer: Answer) -> str:
    """An answer as a person reads it: its words, then what they rest on."""
    parts = [answer.content.rstrip()]
    if answer.citations:
        parts.append("Sources\n" + "\n".join(_line(citation) for citation in answer.citations))
    parts += [f"Note: {note}" for note in answer.notes]
    return "\n\n".join(parts)


def _line(citation: Citation) -> str:
    where = f" § {citation.section}" if citation.section else ""
    if citation.lines:
        where += f" line {citation.lines[0]}" if len(citation.lines) == 1 else f" lines {_ranges(citation.lines)}"
    return f"[{citation.number}] {citation.title}{where}"


def _ranges(lines: tuple[int, ...]) -> str:
    """``1-3, 7``."""
    runs: list[list[int]] = []
    for line in sorted(set(lines)):
        if runs and line == runs[-1][-1] + 1:
            runs[-1][-1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _say(notes: tuple[str, ...]) -> None:
    for note in notes:
        warn(note)
