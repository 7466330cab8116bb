"""Engines, HTTP processes and workers of one deployment, told by environment alone which profile they are."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import httpx2
from attrs import define, field

from tests.adapters.chroma_process import ChromaProcess
from tests.adapters.postgres_place import PostgresPlace
from tests.adapters.postgres_server import PostgresServer, shared_postgres
from tests.adapters.tiny_models import write_lookup, write_tokenizer
from tests.faults.life import PLAIN, Life, free_port, server, worker
from tests.standins.pinecone import PineconeStandIn
from tests.standins.running import running
from tests.standins.s3 import KEY_ID, REGION, SECRET, s3_server
from tests.standins.script import KEY

from .leash import Leash, leash
from .redis_process import RedisProcess

JWT_SECRET = "of this deployment alone, and long enough for it"
BUCKET = "faultmaven"
VECTORS = ("lancedb", "lancedb-s3", "chromadb", "pinecone")
#: How many of a log's last letters are shown where something failed.
SHOWN = 3_000


@define(eq=False)
class Fleet:
    """While the block lasts, and then nothing of it, however it ends. ``core`` is one server with a worker inside.

    ``environment`` wins over what is set here. The embedding model is a tiny one, so that vectors are kept and searched
    without a download, if not wisely.
    """

    profile: str
    directory: Path
    servers: int = 1
    workers: int = 1
    vectors: str = "lancedb"
    environment: Mapping[str, str] = field(factory=dict)
    postgres: PostgresServer | None = field(default=None, init=False)
    redis: RedisProcess | None = field(default=None, init=False)
    serving: list[Life] = field(factory=list, init=False)
    working: list[Life] = field(factory=list, init=False)
    settings: dict[str, str] = field(factory=dict, init=False)
    urls: list[str] = field(factory=list, init=False)
    _leash: Leash = field(init=False)
    _held: dict[Life, int] = field(factory=dict, init=False)
    _stack: ExitStack = field(factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        assert self.vectors in VECTORS
        self.directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self._leash = stack.enter_context(leash())
            self.settings = {"PROFILE": self.profile, "LLM_PROVIDER": "extractive", **_model(self.directory / "model")}
            if self.profile != "core":
                self.settings |= {"JWT_SECRET": JWT_SECRET, "RATE_LIMITS": "false"}
                self._add_databases(stack)
                self._add_places(stack)
            self.settings |= self.environment
            self._add_processes(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def start_all(self) -> None:
        """All at once, as a supervisor does; returns when all are up."""
        for life in self._lives():
            if not life.lives():
                self._start(life)
        for life in self._lives():
            life.wait()

    def stop_all(self) -> list[int]:
        """SIGTERM to each; gives the exit codes."""
        return [self._stop(life) for life in self._lives()]

    def stop_server(self, n: int) -> int:
        """SIGTERM; gives the exit code."""
        return self._stop(self.serving[n])

    def kill_server(self, n: int) -> None:
        self._kill(self.serving[n])

    def kill_worker(self, n: int) -> None:
        self._kill(self.working[n])

    def start_server(self, n: int) -> float:
        """The seconds until it is up, at the address it had."""
        self._start(self.serving[n])
        return self.serving[n].wait()

    def start_worker(self, n: int) -> float:
        self._start(self.working[n])
        return self.working[n].wait()

    def revive_worker(self, n: int) -> None:
        """Returns at once."""
        self._start(self.working[n])

    def restart_redis(self) -> None:
        assert self.redis is not None
        self._leash.let_go(self.redis.pid)
        self.redis.stop()
        self._leash.hold(self.redis.start().pid)

    def restart_postgres(self) -> None:
        """Whoever is connected is cut off."""
        assert self.postgres is not None
        self.postgres.stop()
        self.postgres.start()

    def command(self, *words: str, given: str | None = None) -> str:
        """What a command that ends well says."""
        done = self.ran(*words, given=given)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def ran(self, *words: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        """A command of the operator's on a host of the deployment."""
        whole = [sys.executable, "-m", "faultmaven_http.cli", *words, "--data-dir", str(self._data("operator"))]
        environment = {**os.environ, **PLAIN, **self.settings}
        return subprocess.run(
            whole, input=given, capture_output=True, text=True, env=environment, timeout=120, check=False
        )

    def said(self) -> str:
        """The end of every process's log."""
        logs = [*self.logs, *([self.redis.log] if self.redis is not None else [])]
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-SHOWN:]}" for log in logs if log.exists())

    @property
    def logs(self) -> list[Path]:
        """Of our own processes."""
        return [life.log for life in self._lives()]

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Whatever fails inside comes with the logs."""
        try:
            yield
        except Exception as error:
            error.add_note(self.said())
            raise

    def _add_databases(self, stack: ExitStack) -> None:
        folder = self.directory / "postgres"
        folder.mkdir()
        self.postgres = stack.enter_context(shared_postgres(folder))  # by itself, but it ends with us
        place = PostgresPlace(self.postgres)
        self.settings["DATABASE_URL"] = place.made("template1")
        place.close()
        self.redis = RedisProcess(self.directory / "redis").start()
        stack.callback(self.redis.stop)
        self._leash.hold(self.redis.pid)
        self.settings["REDIS_URL"] = self.redis.url

    def _add_places(self, stack: ExitStack) -> None:
        """For files and for the search index, where the profile does not name them itself."""
        if self.profile == "enterprise" or self.vectors == "lancedb-s3":
            self._add_bucket(stack)
        else:
            self.settings["FILE_STORAGE_PATH"] = str(self.directory / "files")
        if self.vectors == "lancedb":
            self.settings["LANCEDB_PATH"] = str(self.directory / "lancedb")
        elif self.vectors == "lancedb-s3" and self.profile == "team":
            self.settings["LANCEDB_PATH"] = f"s3://{BUCKET}/lancedb"
        elif self.vectors == "chromadb":
            chromadb = ChromaProcess(self.directory / "chromadb").start()
            stack.callback(chromadb.stop)
            self._leash.hold(chromadb.pid)
            self.settings |= {"VECTOR_STORE": "chromadb", "CHROMADB_URL": chromadb.url}
        elif self.vectors == "pinecone":
            address = stack.enter_context(running(PineconeStandIn(lag=0.1).app))
            self.settings |= {"VECTOR_STORE": "pinecone", "PINECONE_URL": address, "PINECONE_API_KEY": KEY}

    def _add_bucket(self, stack: ExitStack) -> None:
        address, process = stack.enter_context(s3_server())
        self._leash.hold(process.pid)
        httpx2.put(f"{address}/{BUCKET}").raise_for_status()
        keys = {"S3_ACCESS_KEY_ID": KEY_ID, "S3_SECRET_ACCESS_KEY": SECRET}
        self.settings |= {"S3_ENDPOINT_URL": address, "S3_REGION": REGION, "S3_BUCKET": BUCKET, **keys}

    def _add_processes(self, stack: ExitStack) -> None:
        for n in range(self.servers):
            port = free_port()
            data = self._data(f"server-{n}")
            self.serving.append(server(data, port, self.settings, log=data.with_suffix(".log")))
            self.urls.append(f"http://127.0.0.1:{port}")
        for n in range(0 if self.profile == "core" else self.workers):
            self.working.append(worker(self._data(f"worker-{n}"), f"worker-{n}", self.settings))
        for life in self._lives():
            stack.callback(self._kill, life)
        self.start_all()

    def _data(self, name: str) -> Path:
        """A data directory of a process's own, as on a host of its own; in Core there is but one."""
        return self.directory / ("data" if self.profile == "core" else name)

    def _lives(self) -> list[Life]:
        return [*self.serving, *self.working]

    def _start(self, life: Life) -> None:
        life.start()
        self._held[life] = life.pid
        self._leash.hold(life.pid)

    def _stop(self, life: Life) -> int:
        code = life.stop()
        self._let_go(life)
        return code

    def _kill(self, life: Life) -> None:
        life.kill(Random(0))
        self._let_go(life)

    def _let_go(self, life: Life) -> None:
        if life in self._held:
            self._leash.let_go(self._held.pop(life))


def _model(place: Path) -> dict[str, str]:
    place.mkdir()
    write_tokenizer(place / "tokenizer.json")
    write_lookup(place / "model.onnx", output="sentence_embedding")
    return {"EMBEDDING_MODEL_PATH": str(place)}
