"""The demo with each provider's stand-in; who answers when one does not; what it cost."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server
from tests.e2e.test_demo import faultmaven
from tests.standins.anthropic import AnthropicStandIn
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import KEY, Fails

STANDINS: dict[str, tuple[type[StandIn], str, str]] = {
    "openai": (OpenAIStandIn, "OPENAI_BASE_URL", "/v1"),
    "anthropic": (AnthropicStandIn, "ANTHROPIC_BASE_URL", ""),
    "ollama": (OllamaStandIn, "OLLAMA_HOST", ""),
}
#: Every provider's settings but its address.
KEYS = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}


@contextmanager
def vendor(name: str) -> Iterator[tuple[StandIn, dict[str, str]]]:
    """A vendor's stand-in, and the variable that leads to it."""
    kind, variable, path = STANDINS[name]
    standin = kind(grounded=True)
    with running(standin.app) as base:
        yield standin, {variable: base + path}


@pytest.fixture(scope="module")
def vendors() -> Iterator[dict[str, str]]:
    """All three, up at once."""
    with vendor("openai") as (_, one), vendor("anthropic") as (_, two), vendor("ollama") as (_, three):
        yield {**KEYS, **one, **two, **three}


@pytest.mark.parametrize("name", STANDINS)
def test_the_demo_with_each_provider(name: str, vendors: dict[str, str], tmp_path: Path) -> None:
    """One variable changes who answers; the answer's citations hold, and its tokens are counted."""
    done = faultmaven("demo", "--json", cwd=tmp_path, LLM_PROVIDER=name, **vendors)

    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["provider"] == name
    assert {citation["kind"] for citation in outcome["citations"]} == {"evidence", "runbook"}
    assert "## Root cause" in outcome["post_mortem"]["content"]


def test_the_next_one_answers_and_the_cost_is_told(tmp_path: Path) -> None:
    """Where the first provider fails the next one answers, under its own name, and the bill names what it cost."""
    with vendor("openai") as (openai, one), vendor("anthropic") as (_, two):
        openai.replies.extend([Fails(status=401)] * 9)
        environment = {**KEYS, **one, **two, "LLM_PROVIDER": "openai", "LLM_FALLBACKS": "anthropic,extractive"}
        answer, usage = _asked(tmp_path, {**environment, "LLM_CAP_DAY": "10"})
        doctor = _doctor(tmp_path, environment)
        capped, _ = _asked(tmp_path / "capped", {**environment, "LLM_CAP_DAY": "0"})

    assert answer["provider"] == "anthropic"
    assert answer["usage"]["cost_usd"] > 0
    assert usage["user"]["calls"] == 1
    assert usage["case"]["cost_usd"] == usage["today"]["cost_usd"] == answer["usage"]["cost_usd"]
    assert capped["provider"] == "extractive"
    assert "openai (asked first) answers" in doctor["llm"]["says"]
    assert "anthropic (fallback 1) answers" in doctor["llm anthropic"]["says"]


def test_a_dead_provider_is_found(tmp_path: Path) -> None:
    """The doctor says which provider does not answer, without the vendor's words or the key."""
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    finding = _doctor(tmp_path, environment)["llm"]

    assert finding["state"] == "bad"
    assert "openai (asked first) at http://127.0.0.1:9/v1" in finding["says"]
    assert KEY not in json.dumps(finding)


def test_a_model_that_fails_leaves_a_reason(tmp_path: Path) -> None:
    """Without a fallback the turn ends in our words; the vendor's are in no answer."""
    with vendor("openai") as (openai, one):
        openai.replies.extend([Fails(status=400)] * 9)
        turn, _ = _asked(tmp_path, {**KEYS, **one, "LLM_PROVIDER": "openai"})

    assert turn["status"] == "failed"
    assert turn["agent_response"] == "The language model did not accept the request; the server's log says why."


def _asked(data: Path, environment: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """One question to a server of its own, and the bill."""
    data.mkdir(exist_ok=True)
    server = Server(data / "data", {"MODEL_DOWNLOAD": "false", **environment}).start()
    try:
        tour = Tour(server.url)
        tour.register()
        tour.log_in()
        tour.open_case("Checkout fails")
        body = {"case_id": tour.case_id, "message": "Why do checkouts fail?"}
        turn = tour._client.post("/v1/agent/chat", json=body, headers={"Prefer": "wait=60"}).json()
        usage = tour._call("GET", f"/v1/agent/usage?case_id={tour.case_id}")
        tour.close()
    finally:
        server.kill()
    return turn, usage


def _doctor(data: Path, environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    done: subprocess.CompletedProcess[str] = faultmaven("doctor", "--json", cwd=data, PORT="0", **environment)
    return {finding["what"]: finding for finding in json.loads(done.stdout)}
