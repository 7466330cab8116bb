import json
import re

import pytest
from httpx2 import AsyncClient
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from faultmaven_http.app import OPERATIONS, SURFACE
from faultmaven_http.openapi import document as document_of
from tests.http.conftest import Clients, contract


@pytest.fixture
async def document(clients: Clients, app: Starlette) -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]] = (await (await clients(app)).get("/openapi.json")).json()
    return found


def routed(routes: list[BaseRoute], prefix: str = "") -> set[tuple[str, str]]:
    """Every method and address the application really answers, but for its own documentation."""
    found: set[tuple[str, str]] = set()
    for route in routes:
        if isinstance(route, Mount):
            found |= routed(route.routes, prefix + route.path)
        elif isinstance(route, Route) and route.include_in_schema:
            path = re.sub(r":\w+}", "}", prefix + route.path)
            found |= {(method, path) for method in route.methods or () if method != "HEAD"}
    return found


def test_the_document_is_valid() -> None:
    """OpenAPI 3.1, by its own schema; one prefix is enough, the other being the same."""
    from openapi_spec_validator import validate

    one = document_of(SURFACE[:2])

    validate(one)

    assert one["openapi"] == "3.1.0"


async def test_what_is_routed_is_described_and_the_other_way_round(
    app: Starlette, document: dict[str, dict[str, dict[str, object]]]
) -> None:
    """Neither has a route that the other has not."""
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}

    assert described == routed(app.routes)


async def test_every_operation_is_described_in_full(document: dict[str, dict[str, dict[str, object]]]) -> None:
    """A summary, a name of its own, an answer, our own fault, and 401 wherever a token is read."""
    operations = [operation for item in document["paths"].values() for operation in item.values()]

    assert len({operation["operationId"] for operation in operations}) == len(operations)  # type: ignore[index]
    for operation in operations:
        assert operation["summary"]  # type: ignore[index]
        responses = operation["responses"]  # type: ignore[index]
        assert "500" in responses
        assert any(status.startswith("2") for status in responses)
        assert ("401" in responses) >= bool(operation["security"])  # type: ignore[index]


async def test_invalid_input_is_described_in_each_dialects_status(
    document: dict[str, dict[str, dict[str, object]]],
) -> None:
    """400 under one prefix, 422 under the other, never both; OAuth's own status is 400 everywhere."""
    for path, item in document["paths"].items():
        if "/auth/oauth/" in path:
            assert all("422" not in operation["responses"] for operation in item.values())  # type: ignore[index]
            continue
        for operation in item.values():
            responses = operation["responses"]  # type: ignore[index]
            assert "400" not in responses or path.startswith("/v1/")
            assert "422" not in responses or path.startswith("/api/v1/")


async def test_both_prefixes_serve_the_same(document: dict[str, dict[str, dict[str, object]]]) -> None:
    """Every route of one is a route of the other, with the same parameters and bodies."""
    first = {path.removeprefix("/v1"): item for path, item in document["paths"].items() if path.startswith("/v1/")}
    second = {path.removeprefix("/api/v1"): item for path, item in document["paths"].items() if path.startswith("/api")}

    assert first.keys() == second.keys()
    for path, item in first.items():
        for method, operation in item.items():
            for part in ("parameters", "requestBody", "summary"):
                assert operation.get(part) == second[path][method].get(part)  # type: ignore[attr-defined]


async def test_handlers_take_what_their_address_names() -> None:
    """Each name in braces is an argument of the handler, and each argument comes from somewhere."""
    for operation in OPERATIONS:
        arguments = set(operation.hints) - {"return", "call"}
        assert arguments - {"principal", "query", "body"} == set(operation.path_names)


async def test_the_contract_is_strict() -> None:
    """The check every other test's answers go through finds a field too many."""
    schemas = contract().schemas

    assert schemas["Case"]["additionalProperties"] is False
    assert len([s for s in schemas.values() if "properties" in s]) > 40


@pytest.mark.parametrize("path", ["/docs", "/docs/docs.js", "/docs/docs.css"])
async def test_the_page_works_offline(clients: Clients, app: Starlette, path: str) -> None:
    """Nothing it loads is elsewhere, and its policy would not let it."""
    answer = await (await clients(app)).get(path)

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"""(?:src|href|from|import)\s*[=(]?\s*["'](?:https?:)?//""", answer.text)
    assert "innerHTML" not in answer.text


async def test_the_page_names_what_it_loads(anyone: AsyncClient) -> None:
    """Everything the page refers to is there."""
    base = "http://localhost:8090"
    page = (await anyone.get(f"{base}/docs")).text

    for address in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert (await anyone.get(base + address)).status_code == 200
    assert json.loads((await anyone.get(f"{base}/openapi.json")).text)["info"]["title"] == "FaultMaven"
