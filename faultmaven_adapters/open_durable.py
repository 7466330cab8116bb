"""A start over a data directory: which adapters the settings ask for, opened one after the other."""

import os
import secrets
from contextlib import AsyncExitStack
from functools import partial

from faultmaven_domain.kernel.errors import Misconfigured
from faultmaven_domain.kernel.extraction import Offload, PromptOffload, TextExtractor
from faultmaven_domain.kernel.jobs import JobQueue
from faultmaven_domain.knowledge import EmbeddingModel

from .extras import require, wanted
from .open_embeddings import add_model
from .open_files import add_files
from .open_identity import add_identity
from .open_llm import add_llm
from .open_redis import add_redis
from .open_vectors import add_vectors
from .opening import TRANSACTIONS, Opening, Progress
from .owner import Holder, Role
from .settings import Profile, Settings, cautions, check, databases_of, is_placeholder, looked_for

SECRET_FILE = "secret"
#: Which modules a module calls.
NEEDS = {"case": ("auth",), "evidence": ("case",), "agent": ("case", "evidence", "knowledge")}


async def open_durable(
    stack: AsyncExitStack, settings: Settings, *, role: Role, modules: frozenset[str], model: bool, progress: Progress
) -> Opening:
    """Raises: Misconfigured; DirectoryHeld; Unavailable."""
    check(settings)
    require(wanted(settings))
    opening = Opening(settings, stack)
    opening.begin()
    add_llm(opening)
    owner = await add_redis(opening, role)
    _add_queue(opening, role, owner)
    await add_database(opening, modules)
    secret = _secret(settings)
    add_identity(opening, secret)
    await add_files(opening, secret)
    _add_heavy_work(opening)
    await _add_index(opening, model, progress)
    _add_remote(opening, modules, secret)
    if role is Role.SERVE:
        opening.notes += cautions(settings)
        if settings.passwordless():
            opening.notes.append(_says_who_gets_in(settings))
    return opening


def _says_who_gets_in(settings: Settings) -> str:
    admins = f" Admins are: {', '.join(settings.dev_login_admins)}." if settings.dev_login_admins else ""
    return (
        f"Whoever reaches {settings.host}:{settings.port} signs in by a name alone, without a password.{admins} "
        "DEV_LOGIN=false ends that."
    )


def _add_queue(opening: Opening, role: Role, owner: Holder | None) -> None:
    """In Core a library does its own jobs, unless the one it joined has a worker; elsewhere workers do them."""
    if role is Role.LIBRARY and opening.settings.profile is not Profile.CORE:
        opening.notes.append("The workers do what is asked for here: one has to run.")
    elif role is Role.LIBRARY and (owner is None or owner.role is Role.LIBRARY):
        from .memory.job_queue import MemoryJobQueue

        opening.add(JobQueue, MemoryJobQueue())


async def add_database(opening: Opening, modules: frozenset[str]) -> None:
    """The databases of all modules, those of ``modules`` brought up to date. Raises: Misconfigured; Unavailable."""
    from .sql import Limits, open_sql
    from .sql.migrate import migrate

    settings = opening.settings
    limits = Limits(
        size=settings.database_pool_size,
        connecting=settings.database_connect_seconds,
        statement=settings.database_statement_seconds,
    )
    urls = {module: settings.database_of(module) for module in TRANSACTIONS}
    for variable, its in databases_of(settings, modules):
        with looked_for(settings, variable):
            await migrate(its)
    books = await opening.stack.enter_async_context(open_sql(urls, opening.outbox.set, limits))
    opening.add_transactions(books, modules)
    for module in modules.intersection(urls):
        opening.pings[settings.name_of_database(module)] = books[module].ping


def _secret(settings: Settings) -> str:
    """The one that is set, or the data directory's own, made once; what everybody knows is none."""
    if settings.jwt_secret is not None and not is_placeholder(settings.jwt_secret):
        return settings.jwt_secret
    place = settings.data_dir / SECRET_FILE
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = place.with_name(f"{SECRET_FILE}.{secrets.token_hex(6)}")
    part.touch(mode=0o600)
    part.write_text(secrets.token_urlsafe(48))
    try:
        os.link(part, place)  # the first of several wins, and nobody reads half of it
    except FileExistsError:
        pass
    finally:
        part.unlink()
    return place.read_text()


def _add_heavy_work(opening: Opening) -> None:
    from .extraction import FileTextExtractor, ProcessOffload

    offload, prompt = ProcessOffload(), ProcessOffload()
    for pool in (offload, prompt):
        opening.stack.push_async_callback(pool.close)
    opening.add(Offload, offload)
    opening.add(PromptOffload, prompt)
    opening.add(TextExtractor, FileTextExtractor(offload))


async def _add_index(opening: Opening, model: bool, progress: Progress) -> None:
    add_vectors(opening)
    if model:
        await add_model(opening, progress)
    else:
        from .embeddings.absent import AbsentModel

        opening.add(EmbeddingModel, AbsentModel("It was not opened."))


def _add_remote(opening: Opening, modules: frozenset[str], secret: str) -> None:
    from .remote import AbsentModule, RemoteModule, internal_key

    opening.internal_key = internal_key(secret)

    needed = {other for module in modules for other in NEEDS.get(module, ())}
    for module in (*TRANSACTIONS, "session"):
        url = getattr(opening.settings, f"{module}_url")
        if module in modules:
            continue
        if url is None and module in needed:
            raise Misconfigured(f"{module.upper()}_URL must say where the {module} module runs.")
        if url is None:
            opening.remote[module] = partial(AbsentModule, module)
        else:
            remote = RemoteModule(url, internal_key(secret))
            opening.remote[module] = remote.service
            opening.watch(module, remote)
