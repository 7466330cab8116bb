"""``faultmaven demo``: the main job, end to end, on a server of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click
from attrs import define

from faultmaven_adapters.embeddings.model_files import default_model_directory, is_pulled, pull_model
from faultmaven_adapters.settings import Embedding
from faultmaven_domain.evidence import ALLOWED_EXTENSIONS
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput

from ..demo.incident import INCIDENT_QUESTION, TITLE, write_incident
from ..demo.tour import Tour
from ..progress import Steps, warn
from .options import as_json, settings_for

STEPS = 10
QUESTION = "What went wrong, what is the most likely root cause, and what should we do first?"


@define
class Incident:
    """What the demo is played with."""

    title: str
    question: str
    evidence: list[Path]
    runbooks: list[Path]


@click.command(short_help="See it work on an incident.")
@click.option(
    "--incident",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of your own: Markdown files, and what lies in a folder `runbooks`, are runbooks; the rest evidence.",
)
@click.option("--question", help="What to ask.")
@click.option("--keep", is_flag=True, help="Leave the server up, and its data in place.")
@as_json
def demo(incident: Path | None, question: str | None, keep: bool, as_json: bool) -> None:
    """Start a server on a temporary data directory and take an incident through it, from upload to post-mortem.

    \b
    Examples:
      faultmaven demo
      faultmaven demo --incident ./outage-2026-03-26 --question "Why did checkout fail?"
      faultmaven demo --json > outcome.json

    Needs no key, no account and no container. Settings in the environment hold: with OPENAI_API_KEY set, that
    model answers.
    """
    settings = settings_for(None, quiet=True)
    directory = Path(tempfile.mkdtemp(prefix="faultmaven-demo-"))
    steps = Steps(STEPS)
    stopped = True
    try:
        with _incident(incident, question, directory / "incident") as played:
            with steps.step("Look for the embedding model") as bar:
                place = default_model_directory(settings.models_dir)
                elsewhere = settings.embedding_provider is not Embedding.ONNX
                there = elsewhere or settings.embedding_model_path is not None or is_pulled(place)
                bar.note = "found" if there else "fetched"
                if not there and settings.model_download:
                    try:
                        pull_model(place, progress=bar.update)
                    except FaultMavenError as error:
                        bar.note = f"none, so search is by full text alone: {error.message}"
            with steps.step("Start a server") as bar:
                server, url = _server(directory / "data")
                bar.note = url
            stopped = False
            tour = Tour(url)
            try:
                outcome = _toured(steps, tour, played)
            finally:
                tour.close()
        if keep:
            outcome["server"] = {"url": url, "pid": server.pid, "email": tour.email, "password": tour.password}
        else:
            _stop(server)
            stopped = True
        _show(outcome, as_json)
        if keep:
            warn(f"The server stays up on {url}; end it with: kill {server.pid}")
            warn(f"Its data is in {directory}; sign in as {tour.email} with {tour.password}")
    finally:
        if not stopped and not (keep and sys.exc_info()[0] is None):
            _stop(server)
            stopped = True
        if stopped:
            shutil.rmtree(directory, ignore_errors=True)


def _toured(steps: Steps, tour: Tour, played: Incident) -> dict[str, Any]:
    with steps.step("Register and sign in"):
        tour.register()
        tour.log_in()
    with steps.step("Open a session"):
        tour.open_session()
    with steps.step(f"Load {len(played.runbooks)} runbooks") as bar:
        tour.load_runbooks(played.runbooks, bar.update)
    with steps.step(f"Open a case and upload {len(played.evidence)} files"):
        tour.open_case(played.title)
        jobs = tour.upload(played.evidence)
    with steps.step("Wait until they are read") as bar:
        unread = tour.wait_for(jobs, bar.update)
        bar.note = "; ".join(unread)
    with steps.step("Ask"):
        turn = tour.ask(played.question)
    with steps.step("Close the case"):
        tour.close_case()
    with steps.step("Wait for the post-mortem"):
        report = tour.post_mortem()
    return {
        "case_id": tour.case_id,
        "question": played.question,
        "answer": turn["content"],
        "provider": turn["provider"],
        "model": turn["model"],
        "citations": turn["citations"],
        "unread": unread,
        "post_mortem": {"title": report["title"], "content": report["content"]},
    }


@contextmanager
def _incident(folder: Path | None, question: str | None, place: Path) -> Iterator[Incident]:
    """The bundled one, or what a folder holds; without runbooks in it, the bundled ones."""
    with as_file(files("faultmaven_http.demo") / "runbooks") as bundled:
        ours = sorted(bundled.glob("*.md"))
        if folder is None:
            write_incident(place)
            yield Incident(TITLE, question or INCIDENT_QUESTION, sorted(place.iterdir()), ours)
            return
        found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        runbooks = [p for p in found if _is_runbook(p.relative_to(folder))]
        evidence = [p for p in found if p not in runbooks and p.suffix.lower() in ("", *ALLOWED_EXTENSIONS)]
        evidence = [p for p in evidence if p.stat().st_size > 0]
        for path in sorted(set(found) - set(runbooks) - set(evidence)):
            warn(f"skipped {path}: empty, or not a kind of file that is read")
        if not evidence:
            raise InvalidInput(f"{folder} holds no log, config or other evidence.", field="incident")
        yield Incident(folder.resolve().name, question or QUESTION, evidence, runbooks or ours)


def _is_runbook(path: Path) -> bool:
    if path.suffix.lower() == ".md":
        return True
    folders = {part.lower() for part in path.parts[:-1]}
    return bool(folders & {"runbooks", "runbook"}) and path.suffix.lower() in {".txt", ".html", ".pdf", ".docx"}


def _server(data: Path) -> tuple["subprocess.Popen[str]", str]:
    """The real server, in a process of its own, and its address once it is ready."""
    log = data.with_name("server.log")
    command = [sys.executable, "-m", "faultmaven_http.cli", "serve", "--data-dir", str(data), "--port", "0"]
    environment = {**os.environ, "HOST": "127.0.0.1", "MODEL_DOWNLOAD": "false", "PROFILE": "core"}
    with log.open("w") as errors:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, start_new_session=True
        )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    if not url:
        server.wait()
        raise FaultMavenError(f"The server did not start:\n{log.read_text()[-2000:]}")
    return server, url


def _stop(server: "subprocess.Popen[str]") -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    if server.stdout is not None:
        server.stdout.close()


def _show(outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(outcome, indent=2, ensure_ascii=False))
        return
    click.echo(f"# Question\n\n{outcome['question']}\n\n# Answer\n\n{outcome['answer']}\n\n# Sources\n")
    for citation in outcome["citations"]:
        section = f" § {citation['section']}" if citation["section"] else ""
        lines = f" lines {', '.join(map(str, citation['lines']))}" if citation["lines"] else ""
        click.echo(f"[{citation['number']}] {citation['title']}{section}{lines}")
        for line in citation["quote"].splitlines()[:3]:
            click.echo(f"    {line[:200]}")
    click.echo(f"\n# {outcome['post_mortem']['title']}\n\n{outcome['post_mortem']['content']}")
