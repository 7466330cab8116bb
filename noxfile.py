"""The project's sessions: ``nox`` runs lint, typing and tests; ``nox -s bench`` and ``nox -s eval`` measure."""

import os

import nox

nox.needs_version = ">=2026.10.20"
nox.options.sessions = ["lint", "typing", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True

PACKAGES = ("faultmaven_domain", "faultmaven_adapters", "faultmaven_http", "faultmaven_worker")


def installed(session: nox.Session, *, compiled: bool = True) -> None:
    """Exactly what the lock file names, and the project itself.

    Compiled, as where Python may not write bytecode each process would compile it all again; one alone need not wait.
    """
    how = {"UV_COMPILE_BYTECODE": "1"} if compiled else {}
    session.install("--require-hashes", "-r", "requirements-dev.lock", env=how)
    session.install("--no-deps", "-e", ".")


def _given(name: str) -> dict[str, str]:
    """A variable of the caller's environment, where it is set."""
    return {name: os.environ[name]} if name in os.environ else {}


@nox.session
def lint(session: nox.Session) -> None:
    """Style, imports, banned calls."""
    installed(session, compiled=False)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """mypy --strict on the four packages."""
    installed(session, compiled=False)
    session.run("mypy", *PACKAGES)


@nox.session
def tests(session: nox.Session) -> None:
    """Everything, in parallel, with branch coverage; below the bar it fails."""
    installed(session)
    workers = str(max(3, os.cpu_count() or 1))  # some wait for a lease or a restart: two would leave processors idle
    how = session.posargs or ["-n", workers, "--dist", "worksteal", "--cov", "--cov-report=term", "tests"]
    session.run("pytest", *how, env={"PYTHONDONTWRITEBYTECODE": ""})  # else each server that is started compiles anew


@nox.session
def fuzz(session: nox.Session) -> None:
    """The property tests, each with thousands of examples."""
    installed(session)
    how = ("-n", "auto", "-m", "hypothesis", "--hypothesis-profile=fuzz")
    session.run("pytest", *how, *(session.posargs or ["tests"]))


@nox.session
def bench(session: nox.Session) -> None:
    """Speed and memory, side by side with a peer or a limit in the same run; `-- --help` for parts of it.

    The peer, sentence-transformers on PyTorch, gets an environment of its own the first time, which is large.
    """
    installed(session)
    peer = {} if "--quick" in session.posargs else {"FAULTMAVEN_PEER_PYTHON": ".nox/peer/bin/python"}
    session.run("python", "-m", "tests.bench", *session.posargs, env={**peer, **_given("FAULTMAVEN_PEER_PYTHON")})


@nox.session
def faults(session: nox.Session) -> None:
    """Kills and full disks at random moments, and what was lost by them; `-- --help` for parts of it."""
    installed(session)
    session.run("python", "-m", "tests.faults", *session.posargs)


@nox.session
def matrix(session: nox.Session) -> None:
    """The main job on profiles and vendors together, every two of which meet; `-- --help` for parts of it."""
    installed(session)
    session.run("python", "-m", "tests.matrix", *session.posargs, env={"PYTHONDONTWRITEBYTECODE": ""})  # as in tests


@nox.session(name="eval")
def evaluate(session: nox.Session) -> None:
    """Quality of retrieval, through the server."""
    installed(session)
    session.run("python", "-m", "tests.eval.retrieval", *session.posargs)


@nox.session(venv_backend="virtualenv")  # plain pip can take a build of PyTorch that is at hand; uv looks elsewhere
def llm_server(session: nox.Session) -> None:
    """The OpenAI adapter against a server that others wrote, with a tiny model the test makes; fetches PyTorch."""
    installed(session)
    session.install("torch==2.13.0", "transformers[serving]>=5.23")
    session.run("pytest", "-n0", "tests/llm_server")


@nox.session
def browser(session: nox.Session) -> None:
    """The pages, and what browsers let other pages do, in the chromium that is installed here (or CHROMIUM names)."""
    installed(session)
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "browser"))
    session.run("pytest", "-n0", *(session.posargs or ["tests/browser"]))


@nox.session
def docs(session: nox.Session) -> None:
    """Write the pages that are made from the code."""
    installed(session)
    session.run("python", "-m", "faultmaven_adapters.settings_table", "docs/CONFIGURATION.md")


@nox.session
def lock(session: nox.Session) -> None:
    """Write the lock files anew from pyproject.toml."""
    session.install("uv")
    common = ("--generate-hashes", "--no-emit-index-url", "--python-version", "3.11", "--quiet", "--no-header")
    dev = ("--group", "dev", "--all-extras", "pyproject.toml", "-o", "requirements-dev.lock")
    session.run("uv", "pip", "compile", *common, *dev)
    # The same versions, so that an extra can be added to what is installed from either.
    constrained = ("-c", "requirements-dev.lock", "pyproject.toml", "-o", "requirements.lock")
    session.run("uv", "pip", "compile", *common, *constrained)
