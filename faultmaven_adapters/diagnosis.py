"""What ``faultmaven doctor`` looks at: each finding says what is, and what would mend it."""

import json
import logging
import os
import shutil
import socket
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from enum import StrEnum
from functools import partial
from http.client import HTTPConnection, HTTPException

from attrs import frozen

from faultmaven_domain.kernel.errors import FaultMavenError

from .bootstrap import open
from .extras import missing, wanted
from .library import FaultMaven, pinged
from .open_durable import add_database
from .open_files import add_files
from .open_redis import EVICTS, add_redis
from .open_vectors import add_vectors
from .opening import Opening
from .owner import Role, holder
from .redis.serving import serving
from .settings import WITH_TABLES, Identity, Settings, cautions, problems, shown
from .whereabouts import whereabouts

log = logging.getLogger(__name__)
ENOUGH_DISK = 1024**3
_MENDS = {
    "database": "Check DATABASE_URL, or the module's own, and that its file or server can be reached; `faultmaven "
    "migrate` makes the tables.",
    "redis": "Check REDIS_URL, its user and password, and REDIS_TLS_*; in core, unset, a private one is started.",
    "queue": "Check QUEUE_REDIS_URL; jobs that are asked for meanwhile wait in the database.",
    "vectors": "Check VECTOR_STORE and its path or address; `faultmaven ingest --reindex` builds the index anew.",
    "files": "Check FILE_STORAGE_PATH and its permissions, or S3_BUCKET, its address, region and keys.",
    "model": "Run `faultmaven models pull`, or check EMBEDDING_PROVIDER and what is set for it.",
    "issuer": "Check OIDC_ISSUER or AUTH0_DOMAIN, and that this machine can reach it; known keys serve for four hours.",
    "llm": "Check LLM_PROVIDER, LLM_FALLBACKS, and the key, address and model of each provider they name.",
}
_SETTING = "docs/CONFIGURATION.md says what each variable takes."
#: What must be well before anything is opened.
_NO_START = {"data directory", "setting", "extras"}


class State(StrEnum):
    GOOD = "ok"
    NOTE = "note"
    BAD = "bad"


@frozen(kw_only=True)
class Diagnosis:
    what: str
    state: State
    says: str
    mend: str = ""


async def diagnose(settings: Settings) -> list[Diagnosis]:
    """Look at everything a start needs, by starting; what another process has open is joined, and no job is done.

    ``settings`` need not be safe: what a start would refuse is a finding, and then nothing is opened. Nor is a
    database upgraded: one that waits for that is a finding, and what is not a database is then asked by itself.
    """
    findings = [_profile(settings), *(_looked(what, look, settings) for what, look in _AROUND.items())]
    findings += [Diagnosis(what="setting", state=State.BAD, says=says, mend=_SETTING) for says in problems(settings)]
    lacking = missing(wanted(settings))
    if lacking is not None:
        findings.append(Diagnosis(what="extras", state=State.BAD, says=lacking, mend="Run that command."))
    findings += [Diagnosis(what="caution", state=State.NOTE, says=says) for says in cautions(settings)]
    places = whereabouts(settings)
    if any(finding.state is State.BAD and finding.what in _NO_START for finding in findings):
        return findings + [
            Diagnosis(what=name, state=State.NOTE, says=f"{at}: not asked") for name, at in places.items()
        ]
    behind, ill = await _behind(settings)
    if behind:
        says = f"the database has yet to be upgraded, by {', '.join(behind)}"
        mend = "`faultmaven migrate` does it, as any start does; docs/database.md says what to keep a copy of."
        findings.append(Diagnosis(what="upgrade", state=State.NOTE, says=says, mend=mend))
        others = ill | await _each(settings, databases=False)
        return findings + [_dependency(name, why, places) for name, why in others.items()]
    try:
        async with open(settings=settings, work=False, model=True) as fm:
            await fm.knowledge.start()
            health = await fm.health()
            findings += [_dependency(name, why, places) for name, why in health.items() if not name.startswith("llm")]
            findings += _models(fm, health)
            evicting = [note for note in fm.notes if note.startswith(EVICTS)]
            findings += [Diagnosis(what="caution", state=State.NOTE, says=note) for note in evicting]
            if fm.redis is not None and not settings.worker_inside():
                findings.append(_workers(await serving(fm.redis)))
    except Exception as error:  # noqa: BLE001 - a finding, whatever it is
        findings.append(Diagnosis(what="start", state=State.BAD, says=_why(error), mend="Mend that, and ask again."))
        findings += [_dependency(name, why, places) for name, why in (await _each(settings)).items()]
    return findings


async def _behind(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The revisions that tables which are there have yet to be given; and which database cannot be asked, and why."""
    from .sql.migrate import pending

    found: list[str] = []
    ill: dict[str, str] = {}
    for module in WITH_TABLES:
        try:
            revisions = await pending({module: settings.database_of(module)})
        except Exception as error:  # noqa: BLE001 - a finding, whatever it is
            ill[settings.name_of_database(module)] = _why(error)
        else:
            found += revisions if f"{module}_0001" not in revisions else []
    return found, ill


async def _each(settings: Settings, *, databases: bool = True) -> dict[str, str | None]:
    """How each dependency is by itself, where they cannot all be opened: None where it is well, else why not."""
    found: dict[str, str | None] = {}
    parts: dict[str, Callable[[Opening], Awaitable[object]]] = {
        "redis": lambda opening: add_redis(opening, Role.LIBRARY),
        "files": lambda opening: add_files(opening, "asked by the doctor"),
        "vectors": _add_index,
    }
    for module in WITH_TABLES if databases else ():
        parts.setdefault(settings.name_of_database(module), partial(add_database, modules=frozenset({module})))
    for name, add in parts.items():
        why, asked = None, dict[str, str | None]()
        try:
            async with AsyncExitStack() as stack:
                opening = Opening(settings, stack)
                try:
                    await add(opening)
                finally:
                    asked = {each: await pinged(ping) for each, ping in opening.pings.items() if each not in found}
        except Exception as error:  # noqa: BLE001 - a finding, whatever it is
            why = _why(error)
        found |= asked
        if why is not None and not any(asked.values()):  # else it is told of the one that it is about
            found[name] = why
    return found


async def _add_index(opening: Opening) -> None:
    add_vectors(opening)


def _why(error: Exception) -> str:
    """The words of an error that has some for people. Any other may tell a secret, so its kind has to do."""
    if isinstance(error, FaultMavenError | OSError):
        return " ".join([str(error), *getattr(error, "__notes__", ())])
    places = "".join(traceback.format_tb(error.__traceback__))
    log.error("the doctor met %s, whose words are left out:\n%s", type(error).__name__, places)
    return f"It fails in a way that nobody foresaw, with {type(error).__name__}; the log says where."


def _looked(what: str, look: Callable[[Settings], Diagnosis], settings: Settings) -> Diagnosis:
    try:
        return look(settings)
    except Exception as error:  # noqa: BLE001 - a finding, whatever it is
        return Diagnosis(what=what, state=State.BAD, says=_why(error), mend=_SETTING)


def _profile(settings: Settings) -> Diagnosis:
    who = "this server" if settings.identity_provider is Identity.JWT else f"this server and {settings.issuer()}"
    says = f"{settings.profile.value}; accounts and tokens are those of {who}"
    return Diagnosis(what="profile", state=State.GOOD, says=says)


def _dependency(name: str, why: str | None, places: Mapping[str, str]) -> Diagnosis:
    kind = name.partition(" ")[0]
    where = places.get(name, places.get(kind, ""))
    says = f"{where}: {why or 'works'}" if where else why or "works"
    if why is None:
        return Diagnosis(what=name, state=State.GOOD, says=says)
    state = State.NOTE if name == "model" else State.BAD
    return Diagnosis(what=name, state=state, says=says, mend=_MENDS.get(kind, ""))


def _workers(serving: Mapping[str, int]) -> Diagnosis:
    """Whether each queue has somebody who does its jobs; a server may well be looked at before its workers start."""
    says = ", ".join(f"{count} for {queue.partition(':')[2]}" for queue, count in serving.items())
    if all(serving.values()):
        return Diagnosis(what="workers", state=State.GOOD, says=says)
    mend = "Start `faultmaven worker`: questions and uploads wait for one."
    return Diagnosis(what="workers", state=State.NOTE, says=says, mend=mend)


def _models(fm: FaultMaven, health: Mapping[str, str | None]) -> list[Diagnosis]:
    """Which language model answers, and which would answer next."""
    findings = []
    for place, provider in enumerate(fm.providers):
        what = "llm" if place == 0 else f"llm {provider.name}"
        why, role = health.get(what), "asked first" if place == 0 else f"fallback {place}"
        if not provider.address:
            says = f"{provider.name} ({role}): answers are composed from the sources alone, by no language model"
            mend = "" if place else "Set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST, or LLM_PROVIDER."
            findings.append(Diagnosis(what=what, state=State.GOOD if place else State.NOTE, says=says, mend=mend))
        elif why is None:
            says = f"{provider.name} ({role}) answers at {shown(provider.address)}, with {provider.model}"
            findings.append(Diagnosis(what=what, state=State.GOOD, says=says))
        else:
            says = f"{provider.name} ({role}) at {shown(provider.address)}: {why}"
            findings.append(Diagnosis(what=what, state=State.BAD, says=says, mend=_MENDS["llm"]))
    return findings


def _directory(settings: Settings) -> Diagnosis:
    place = directory = settings.data_dir
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK) or not place.is_dir():
        mend = f"Make {place} writable, or name another with --data-dir."
        return Diagnosis(what="data directory", state=State.BAD, says=f"{directory} cannot be written", mend=mend)
    owner = holder(directory)
    held = f", held by process {owner.pid} ({owner.role.value})" if owner else ""
    return Diagnosis(what="data directory", state=State.GOOD, says=f"{directory}{held}")


def _disk(settings: Settings) -> Diagnosis:
    place = next(place for place in (settings.data_dir, *settings.data_dir.parents) if place.exists())
    free = shutil.disk_usage(place).free
    says = f"{free / 1024**3:.1f} GiB free"
    if free < ENOUGH_DISK:
        return Diagnosis(what="disk", state=State.BAD, says=says, mend="Free some space, or name another --data-dir.")
    return Diagnosis(what="disk", state=State.GOOD, says=says)


def _port(settings: Settings) -> Diagnosis:
    where = f"{settings.host}:{settings.port}"
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            sock.bind((settings.host, settings.port))
            return Diagnosis(what="port", state=State.GOOD, says=f"{where} is free")
    owner = holder(settings.data_dir)
    if owner is not None:
        return Diagnosis(what="port", state=State.GOOD, says=f"{where} is taken while process {owner.pid} serves")
    if _serves(settings):
        return Diagnosis(what="port", state=State.GOOD, says=f"{where} is taken by a server that answers as this would")
    return Diagnosis(
        what="port", state=State.BAD, says=f"{where} is taken", mend="Set PORT, or stop what listens there."
    )


def _serves(settings: Settings) -> bool:
    """Whether a server of ours answers there, as outside Core nobody owns the data directory."""
    connection = HTTPConnection(settings.host, settings.port, timeout=2)
    try:
        connection.request("GET", "/health/live")
        return bool(json.loads(connection.getresponse().read(100)) == {"status": "alive"})
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


#: What there is besides what a start opens.
_AROUND: Mapping[str, Callable[[Settings], Diagnosis]] = {
    "data directory": _directory,
    "disk": _disk,
    "port": _port,
}
