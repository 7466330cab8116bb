"""What ``faultmaven doctor`` looks at: each finding says what is, and what would mend it."""

import os
import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from attrs import frozen

from faultmaven_domain.kernel.errors import FaultMavenError

from .bootstrap import open
from .library import FaultMaven
from .owner import holder
from .settings import Settings

ENOUGH_DISK = 1024**3
_MENDS = {
    "database": "Check DATABASE_URL and that its file or server can be reached; `faultmaven migrate` makes the tables.",
    "redis": "Check REDIS_URL, or unset it to have a private one started.",
    "vectors": "Check VECTOR_STORE and its path or address; `faultmaven ingest --reindex` builds the index anew.",
    "files": "Check FILE_STORAGE_PATH and its permissions, or S3_BUCKET, its address, region and keys.",
    "model": "Run `faultmaven models pull`, or check EMBEDDING_PROVIDER and what is set for it.",
    "llm": "Check LLM_PROVIDER, LLM_FALLBACKS, and the key, address and model of each provider they name.",
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
            findings += [_dependency(name, why) for name, why in health.items() if not name.startswith("llm")]
            findings += _models(fm, health)
    except FaultMavenError as error:
        findings.append(Diagnosis(what="start", state=State.BAD, says=error.message, mend="Mend that, and ask again."))
    return findings


def _dependency(name: str, why: str | None) -> Diagnosis:
    if why is None:
        return Diagnosis(what=name, state=State.GOOD, says="works")
    state = State.NOTE if name == "model" else State.BAD
    return Diagnosis(what=name, state=state, says=why, mend=_MENDS.get(name, ""))


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
            says = f"{provider.name} ({role}) answers at {provider.address}, with {provider.model}"
            findings.append(Diagnosis(what=what, state=State.GOOD, says=says))
        else:
            says = f"{provider.name} ({role}) at {provider.address}: {why}"
            findings.append(Diagnosis(what=what, state=State.BAD, says=says, mend=_MENDS["llm"]))
    return findings


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
