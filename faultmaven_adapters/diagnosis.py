"""What ``faultmaven doctor`` looks at: each finding says what is, and what would mend it."""

import os
import shutil
import socket
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from attrs import frozen

from faultmaven_domain.kernel.errors import FaultMavenError

from .bootstrap import open
from .owner import holder
from .settings import Settings

ENOUGH_DISK = 1024**3
_MENDS = {
    "database": "Check DATABASE_URL and that its file or server can be reached; `faultmaven migrate` makes the tables.",
    "redis": "Check REDIS_URL, or unset it to have a private one started.",
    "vectors": "Check LANCEDB_PATH; `faultmaven ingest --reindex` builds the index anew.",
    "files": "Check FILE_STORAGE_PATH and its permissions.",
    "model": "Run `faultmaven models pull`, or set EMBEDDING_MODEL_PATH.",
    "llm": "Check LLM_PROVIDER, its key and its address.",
}


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
    """Look at everything a start needs, by starting; what another process has open is joined."""
    findings = [_directory(settings.data_dir), _disk(settings.data_dir), _port(settings)]
    if any(finding.what == "data directory" and finding.state is State.BAD for finding in findings):
        return findings
    try:
        async with open(settings=settings) as fm:
            health = await fm.health()
            findings += [_dependency(name, why) for name, why in health.items()]
            if "llm" not in health:
                findings.append(_no_llm())
    except FaultMavenError as error:
        findings.append(Diagnosis(what="start", state=State.BAD, says=error.message, mend="Mend that, and ask again."))
    return findings


def _dependency(name: str, why: str | None) -> Diagnosis:
    if why is None:
        return Diagnosis(what=name, state=State.GOOD, says="works")
    state = State.NOTE if name == "model" else State.BAD
    return Diagnosis(what=name, state=state, says=why, mend=_MENDS.get(name, ""))


def _no_llm() -> Diagnosis:
    return Diagnosis(
        what="llm",
        state=State.NOTE,
        says="none is configured; answers are composed from the sources alone",
        mend="Set OPENAI_API_KEY, or OPENAI_BASE_URL and LLM_PROVIDER=openai.",
    )


def _directory(directory: Path) -> Diagnosis:
    place = directory
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK) or not place.is_dir():
        mend = f"Make {place} writable, or name another with --data-dir."
        return Diagnosis(what="data directory", state=State.BAD, says=f"{directory} cannot be written", mend=mend)
    owner = holder(directory)
    held = f", held by process {owner.pid} ({owner.role.value})" if owner else ""
    return Diagnosis(what="data directory", state=State.GOOD, says=f"{directory}{held}")


def _disk(directory: Path) -> Diagnosis:
    place = next(place for place in (directory, *directory.parents) if place.exists())
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
    return Diagnosis(
        what="port", state=State.BAD, says=f"{where} is taken", mend="Set PORT, or stop what listens there."
    )
