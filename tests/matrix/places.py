"""The real engines of a combination, each of its own but for PostgreSQL and S3, which all share; and whether each was
really used."""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import TypeVar

import httpx2
import trustme
from attrs import define, field, frozen

from faultmaven_adapters.embeddings.convert import convert
from tests.adapters.chroma_process import ChromaProcess
from tests.adapters.postgres_place import PostgresPlace, fetched
from tests.adapters.postgres_server import PostgresServer
from tests.adapters.redis_door import a_door
from tests.adapters.redis_processes import Server, a_cluster, a_sentinel, a_server
from tests.adapters.tiny_models import publish
from tests.standins.oidc import StandInIssuer
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, SECRET
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.pinecone import PineconeStandIn
from tests.standins.running import running
from tests.standins.s3 import KEY_ID, REGION
from tests.standins.s3 import SECRET as S3_SECRET
from tests.standins.script import KEY

from .combinations import Combination

T = TypeVar("T")


@frozen
class Shared:
    """What serves all combinations: a PostgreSQL, an S3's address (each None where no combination has it), and a folder
    with a small ONNX model."""

    postgres: PostgresServer | None
    s3: str | None
    model: Path


@define
class Place:
    """``used`` tells of each engine whether anything came there; ``issuer`` is None where people are our own."""

    directory: Path
    shared: Shared
    stack: ExitStack
    settings: dict[str, str] = field(factory=dict)
    used: dict[str, Callable[[], bool]] = field(factory=dict)
    issuer: StandInIssuer | None = None
    _authority: trustme.CA = field(factory=trustme.CA)
    _bucket: str = field(factory=lambda: f"matrix-{os.urandom(6).hex()}")

    def add(self, combination: Combination) -> None:
        for choice in combination.parts().values():
            adding = getattr(self, f"_{choice.replace('-', '_')}", None)
            if adding is not None:
                adding()
        if combination.profile != "core":
            self.settings |= {"JWT_SECRET": "of this deployment alone, and long enough for it", "RATE_LIMITS": "false"}
        if combination.profile != "enterprise":  # whose default is no
            self.settings["WORKER"] = "false" if combination.apart() else "true"

    # --- databases

    def _sqlite(self) -> None:
        file = self.directory / "all.db"
        self.settings["DATABASE_URL"] = f"sqlite:///{file}"
        self.used["sqlite"] = lambda: file.exists() and file.stat().st_size > 0

    def _postgres(self) -> None:
        assert self.shared.postgres is not None
        place = PostgresPlace(self.shared.postgres)
        self.stack.callback(place.close)
        url = self.settings["DATABASE_URL"] = place.made("template1")
        self.used["postgres"] = lambda: place._run(fetched(url, "SELECT count(*) FROM case_cases")) == [(1,)]

    # --- files and passages

    def _local(self) -> None:
        folder = self.directory / "files"
        self.settings |= {"FILE_STORAGE": "local", "FILE_STORAGE_PATH": str(folder)}
        self.used["local"] = lambda: any(path.is_file() for path in folder.rglob("*"))

    def _s3(self) -> None:
        self._with_bucket()
        self.settings["FILE_STORAGE"] = "s3"
        self.used["s3"] = lambda: "<Key>evidence/" in self._listed()

    def _lancedb(self) -> None:
        folder = self.directory / "lancedb"
        self.settings |= {"VECTOR_STORE": "lancedb", "LANCEDB_PATH": str(folder)}
        self.used["lancedb"] = lambda: any(folder.rglob("*.lance"))

    def _lancedb_s3(self) -> None:
        self._with_bucket()
        self.settings |= {"VECTOR_STORE": "lancedb", "LANCEDB_PATH": f"s3://{self._bucket}/lancedb"}
        self.used["lancedb-s3"] = lambda: "<Key>lancedb/" in self._listed()

    def _chromadb(self) -> None:
        folder = self.directory / "chromadb"
        self.settings |= {"VECTOR_STORE": "chromadb", "CHROMADB_PATH": str(folder)}
        self.used["chromadb"] = lambda: (folder / "chroma.sqlite3").exists()

    def _chromadb_server(self) -> None:
        server = ChromaProcess(self.directory / "chroma").start()
        self.stack.callback(server.stop)
        self.settings |= {"VECTOR_STORE": "chromadb", "CHROMADB_URL": server.url}
        collections = f"{server.url}/api/v2/tenants/default_tenant/databases/default_database/collections"
        self.used["chromadb-server"] = lambda: bool(httpx2.get(collections).raise_for_status().json())

    def _pinecone(self) -> None:
        standin = PineconeStandIn(lag=0.1)
        address = self.stack.enter_context(running(standin.app))
        self.settings |= {"VECTOR_STORE": "pinecone", "PINECONE_URL": address, "PINECONE_API_KEY": KEY}
        self.used["pinecone"] = lambda: any("upsert" in path for _, path, _ in standin.requests)

    def _with_bucket(self) -> None:
        assert self.shared.s3 is not None
        httpx2.put(f"{self.shared.s3}/{self._bucket}").raise_for_status()
        keys = {"S3_REGION": REGION, "S3_ACCESS_KEY_ID": KEY_ID, "S3_SECRET_ACCESS_KEY": S3_SECRET}
        self.settings |= {"S3_ENDPOINT_URL": self.shared.s3, "S3_BUCKET": self._bucket, **keys}

    def _listed(self) -> str:
        return httpx2.get(f"{self.shared.s3}/{self._bucket}").raise_for_status().text

    # --- people

    def _oidc(self) -> None:
        issuer = self._with_issuer(None)
        self.settings |= {"IDENTITY_PROVIDER": "oidc", "OIDC_ISSUER": issuer.name, "OIDC_AUDIENCE": AUDIENCE}

    def _auth0(self) -> None:
        certificate = self.directory / "issuer.pem"
        self._authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        domain = self._with_issuer(certificate).url.removeprefix("https://")
        named = {"IDENTITY_PROVIDER": "auth0", "AUTH0_DOMAIN": domain, "AUTH0_AUDIENCE": AUDIENCE}
        self.settings |= {**named, "SSL_CERT_FILE": str(self._trusted())}

    def _with_issuer(self, certificate: Path | None) -> StandInIssuer:
        issuer = self.issuer = StandInIssuer()
        issuer.url = self.stack.enter_context(running(issuer, certificate=certificate))
        self.settings |= {"OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": SECRET}
        self.used["issuer"] = lambda: issuer.asked["/.well-known/jwks.json"] > 0
        return issuer

    def _trusted(self) -> Path:
        path = self.directory / "authority.pem"
        self._authority.cert_pem.write_to_path(path)
        return path

    # --- Redis

    def _plain(self) -> None:
        self.settings["REDIS_URL"] = f"redis://127.0.0.1:{self._with_redis().port}/0"

    def _tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        behind = self._with_redis("words").port
        port = self.stack.enter_context(_in_a_thread(a_door(lambda: behind, context)))
        self.settings |= {"REDIS_URL": f"rediss://:words@127.0.0.1:{port}/0", "REDIS_TLS_CA": str(self._trusted())}

    def _sentinel(self) -> None:
        sentinel = self.stack.enter_context(a_sentinel(self.directory / "sentinel", self._with_redis()))
        self.settings["REDIS_URL"] = f"redis+sentinel://127.0.0.1:{sentinel.port}/main/0"

    def _cluster(self) -> None:
        self.settings["QUEUE_REDIS_URL"] = f"redis://127.0.0.1:{self._with_redis().port}/0"
        servers = self.stack.enter_context(a_cluster(self.directory / "cluster"))
        self.settings["REDIS_URL"] = "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in servers)
        self.used["cluster"] = lambda: any(one.asked("DBSIZE") for one in servers)

    def _with_redis(self, password: str | None = None) -> Server:
        server = self.stack.enter_context(a_server(self.directory / "redis", password=password))
        self.used["redis"] = lambda: bool(server.asked("DBSIZE"))
        return server

    # --- embeddings

    def _onnx(self) -> None:
        self.settings |= {"EMBEDDING_PROVIDER": "onnx", "EMBEDDING_MODEL_PATH": str(self.shared.model)}

    def _openai(self) -> None:
        standin = OpenAIStandIn()
        address = self.stack.enter_context(running(standin.app))
        self._embedding("openai", f"{address}/v1", EMBEDDING_API_KEY=KEY)
        self.used["openai"] = lambda: bool(standin.requests)

    def _ollama(self) -> None:
        standin = OllamaStandIn()
        self._embedding("ollama", self.stack.enter_context(running(standin.app)), EMBEDDING_MODEL="llama3.2")
        self.used["ollama"] = lambda: bool(standin.requests)

    def _embedding(self, provider: str, address: str, **more: str) -> None:
        self.settings |= {"EMBEDDING_PROVIDER": provider, "EMBEDDING_URL": address, **more}


@contextmanager
def placed(combination: Combination, directory: Path, shared: Shared) -> Iterator[Place]:
    directory.mkdir(parents=True)
    with ExitStack() as stack:
        place = Place(directory, shared, stack, {"PROFILE": combination.profile, "LLM_PROVIDER": "extractive"})
        place.add(combination)
        yield place


def a_model(directory: Path) -> Path:
    """Of random weights, and small."""
    published, into = directory / "published", directory / "model"
    into.mkdir(parents=True)
    publish(published)
    convert(published, into)
    return into


@contextmanager
def _in_a_thread(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result(30)
        asyncio.run_coroutine_threadsafe(manager.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
