"""Pinecone's control plane and its Documents API, as their reference of 2026-07 describes them.

What is written is found only ``lag`` seconds later, as it is there; an answer to a search says up to which write it has
seen. Every index is served below a path of its own, which its description tells.
"""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.script import KEY, SAID

VERSION = "2026-07"
_K1, _B = 1.2, 0.75
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?")
_TOKEN = re.compile(r"[^\W_]+")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda held, told: told in held if isinstance(held, list) else held == told,
    "$ne": lambda held, told: told not in held if isinstance(held, list) else held != told,
    "$in": lambda held, told: bool(set(held if isinstance(held, list) else [held]) & set(told)),
    "$gte": lambda held, told: held >= told,
}
Json = dict[str, Any]


@frozen
class _Change:
    """What a write does once it is found, from which moment and at which place of the log."""

    due: float
    number: int
    change: Callable[[dict[str, Json]], None]


@define
class _Namespace:
    documents: dict[str, Json] = field(factory=dict)
    pending: list[_Change] = field(factory=list)
    written: int = 0
    seen: int | None = None

    def settle(self) -> None:
        now = time.monotonic()
        while self.pending and self.pending[0].due <= now:
            change = self.pending.pop(0)
            change.change(self.documents)
            self.seen = change.number


@define
class _Index:
    fields: dict[str, Json]
    described: Json
    ready_at: float
    namespaces: dict[str, _Namespace] = field(factory=dict)

    def named(self, kind: str) -> list[str]:
        return [name for name, one in self.fields.items() if one["type"] == kind]


@define
class PineconeStandIn:
    """``failures`` are statuses given instead of an answer, from the front, with or without a Retry-After; ``garbles``
    are bodies given instead of one, with the status of success."""

    lag: float = 0.0
    making: float = 0.0  # seconds until a new index is ready
    may_create: bool = True
    failures: list[tuple[int, str | None]] = field(factory=list)
    garbles: list[bytes] = field(factory=list)
    indexes: dict[str, _Index] = field(factory=dict)
    #: Method, path and how many bytes, of each request.
    requests: list[tuple[str, str, int]] = field(factory=list)

    @property
    def app(self) -> Starlette:
        here = "/at/{index}/namespaces/{space}/documents"
        return Starlette(
            routes=[
                Route("/indexes", self._asked(self._create), methods=["POST"]),
                Route("/indexes/{index}", self._asked(self._describe)),
                Route(f"{here}/upsert", self._asked(self._upsert), methods=["POST"]),
                Route(f"{here}/search", self._asked(self._search), methods=["POST"]),
                Route(f"{here}/delete", self._asked(self._delete), methods=["POST"]),
            ]
        )

    def _asked(self, answer: Callable[[Request, Json], Response]) -> Callable[[Request], Any]:
        """The answer of one route, after what all have in common."""

        async def asked(request: Request) -> Response:
            body = await request.body()
            self.requests.append((request.method, request.url.path, len(body)))
            if self.failures:
                status, after = self.failures.pop(0)
                return _failure(status, SAID, {} if after is None else {"retry-after": after})
            if self.garbles:
                return Response(self.garbles.pop(0), media_type="application/json")
            if request.headers.get("api-key") != KEY:
                return _failure(401, "Invalid API key")
            if request.headers.get("x-pinecone-api-version") != VERSION:
                return _failure(400, "There is no such version")
            if len(body) > 2 * 1024 * 1024:
                return _failure(413, "The request is too large")
            try:
                return answer(request, json.loads(body) if body else {})
            except HTTPException as error:
                return _failure(error.status_code, error.detail)

        return asked

    def _create(self, request: Request, body: Json) -> Response:
        if not self.may_create:
            _refuse(403, "This key makes no indexes")
        name, fields = body["name"], body["schema"]["fields"]
        _require(_NAME.fullmatch(name) is not None, "A name is of small letters, digits and hyphens, 45 at most")
        _require({"deployment_type", "cloud", "region"} <= body["deployment"].keys(), "Where is it to be?")
        _require(bool(fields), "A schema has at least one field")
        if name in self.indexes:
            _refuse(409, "There is an index of that name")
        for one in fields.values():
            dense = one["type"] == "dense_vector" and 1 <= one["dimension"] <= 20_000 and "metric" in one
            _require(dense or (one["type"] == "string" and "full_text_search" in one), "That is not a field to search")
        described = {
            "name": name,
            "host": f"{str(request.base_url).rstrip('/')}/at/{name}",
            "schema": {"fields": {key: _resolved(one) for key, one in fields.items()}},
            "deployment": body["deployment"] | {"environment": "aped-4627-b74a"},
            "deletion_protection": "disabled",
            "read_capacity": {"mode": "OnDemand", "status": {"state": "Ready"}},
            "tags": None,
        }
        self.indexes[name] = _Index(fields, described, time.monotonic() + self.making)
        return JSONResponse(self._told(self.indexes[name]), 201)

    def _describe(self, request: Request, body: Json) -> Response:
        return JSONResponse(self._told(self._index(request)))

    def _told(self, index: _Index) -> Json:
        ready = time.monotonic() >= index.ready_at
        status = {"ready": ready, "state": "Ready" if ready else "Initializing"}
        return index.described | {"status": status, "host": index.described["host"] if ready else None}

    def _upsert(self, request: Request, body: Json) -> Response:
        index, documents = self._index(request), body["documents"]
        _require(1 <= len(documents) <= 1_000, "An upsert has 1 to 1000 documents")
        for document in documents:
            _check(document, index)

        def change(held: dict[str, Json]) -> None:
            for document in documents:
                held[document["_id"]] = {key: _kept(value) for key, value in document.items()}

        return self._written(request, change, {"upserted_count": len(documents)}, 201)

    def _delete(self, request: Request, body: Json) -> Response:
        index = self._index(request)
        _require(len(body) == 1, "By ids, by a filter, or all")
        where, ids = body.get("filter"), body.get("ids", ())
        _require(len(ids) <= 1_000, "At most 1000 ids")
        if request.path_params["space"] not in index.namespaces:
            _refuse(404, "Namespace not found")
        if where is not None:
            _matches({}, where, index)

        def change(held: dict[str, Json]) -> None:
            for name in list(held):
                if body.get("delete_all") or name in ids or (where and _matches(held[name], where, index)):
                    del held[name]
            if body.get("delete_all"):  # the namespace goes too, and what it would say of itself
                index.namespaces.pop(request.path_params["space"], None)

        return self._written(request, change, {}, 200)

    def _written(
        self, request: Request, change: Callable[[dict[str, Json]], None], body: Json, status: int
    ) -> Response:
        space = self._index(request).namespaces.setdefault(request.path_params["space"], _Namespace())
        space.written += 1
        space.pending.append(_Change(time.monotonic() + self.lag, space.written, change))
        return JSONResponse(body, status, {"x-pinecone-request-lsn": str(space.written)})

    def _search(self, request: Request, body: Json) -> Response:
        index, name = self._index(request), request.path_params["space"]
        _require(1 <= body["top_k"] <= 10_000, "top_k is 1 to 10000")
        index.namespaces.get(name, _Namespace()).settle()
        space = index.namespaces.get(name, _Namespace())  # which may be gone by now
        where, [by] = body.get("filter"), body["score_by"]
        scores = _SCORES[by["type"]](by, space.documents, index)
        found = [one for one in scores if where is None or _matches(space.documents[one], where, index)]
        best = sorted(found, key=lambda one: -scores[one])[: body["top_k"]]
        wanted = body.get("include_fields") or []
        matches = [
            {"_id": one, "_score": scores[one]}
            | {key: value for key, value in space.documents[one].items() if key in wanted or wanted == ["*"]}
            for one in best
        ]
        headers = {} if space.seen is None else {"x-pinecone-max-indexed-lsn": str(space.seen)}
        return JSONResponse({"matches": matches, "namespace": name, "usage": {"read_units": 1}}, headers=headers)

    def _index(self, request: Request) -> _Index:
        name = request.path_params["index"]
        if name not in self.indexes:
            _refuse(404, "Index not found")
        return self.indexes[name]


def _by_words(by: Json, documents: dict[str, Json], index: _Index) -> dict[str, float]:
    """BM25 (Robertson & Zaragoza 2009), with the words as they stand."""
    _require(set(by["fields"]) <= set(index.named("string")), "That field is not for words")
    [name] = by["fields"]
    counts = {one: Counter(_tokens(held.get(name, ""))) for one, held in documents.items()}
    mean = sum(count.total() for count in counts.values()) / max(1, len(counts)) or 1.0
    scores: dict[str, float] = {}
    for word in set(_tokens(by["query"])):
        holding = [one for one in counts if word in counts[one]]
        rarity = math.log(1 + (len(counts) - len(holding) + 0.5) / (len(holding) + 0.5))
        for one in holding:
            damped = _K1 * (1 - _B + _B * counts[one].total() / mean)
            scores[one] = scores.get(one, 0.0) + rarity * counts[one][word] * (_K1 + 1) / (counts[one][word] + damped)
    return scores


def _by_vector(by: Json, documents: dict[str, Json], index: _Index) -> dict[str, float]:
    [name] = by.get("fields") or [by["field"]]
    _require(name in index.named("dense_vector"), "That field is not for vectors")
    _require(len(by["values"]) == index.fields[name]["dimension"], "That vector has another dimension")
    length = math.hypot(*by["values"])
    return {
        one: sum(a * b for a, b in zip(by["values"], vector, strict=True)) / (length * math.hypot(*vector))
        for one, held in documents.items()
        if (vector := held.get(name))
    }


_SCORES = {"text": _by_words, "dense_vector": _by_vector}


def _tokens(text: str) -> list[str]:
    return [token.lower()[:40] for token in _TOKEN.findall(text)]


def _matches(document: Json, where: Json, index: _Index) -> bool:
    _require(bool(where), "An empty filter")
    return all(_term(document, name, told, index) for name, told in where.items())


def _term(document: Json, name: str, told: Any, index: _Index) -> bool:
    if name in ("$and", "$or"):
        found = [_matches(document, one, index) for one in told]
        return all(found) if name == "$and" else any(found)
    _require(name not in index.fields, "A field to search is no field to filter by")
    [(operator, value)] = told.items()
    _require(operator in _COMPARE, "There is no such operator")
    return name in document and _COMPARE[operator](document[name], value)


def _check(document: Json, index: _Index) -> None:
    name = document.get("_id")
    _require(isinstance(name, str) and name.isascii() and 1 <= len(name) <= 512, "_id is 1 to 512 letters of ASCII")
    _require(bool(index.fields.keys() & document.keys()), "A document has a field of the schema")
    metadata = {key: value for key, value in document.items() if key not in index.fields and key != "_id"}
    for key, value in metadata.items():
        _require(not key.startswith(("_", "$")), "That name is reserved")
        texts = isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)
        _require(texts or isinstance(value, str | bool | int | float), f"{key} is no metadata")
    _require(len(json.dumps(metadata, ensure_ascii=False).encode()) <= 40 * 1024, "Metadata is 40 KB at most")
    for field_name in index.named("dense_vector"):
        vector = document.get(field_name)
        _require(vector is None or len(vector) == index.fields[field_name]["dimension"], "Another dimension")
        _require(vector is None or any(vector), "A vector has a length")


def _resolved(one: Json) -> Json:
    """A field as it is described, with what was left to Pinecone."""
    if one["type"] != "string":
        return one | {"description": None}
    search = {"language": "en", "stemming": False, "stop_words": False} | one["full_text_search"]
    return one | {"full_text_search": search, "filterable": False, "store_text": True, "description": None}


def _kept(value: Any) -> Any:
    """Numbers are kept as floats."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _require(condition: bool, said: str) -> None:
    if not condition:
        _refuse(400, said)


def _refuse(status: int, said: str) -> None:
    raise HTTPException(status, said)


def _failure(status: int, said: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error": {"code": _CODES.get(status, "UNKNOWN"), "message": said}, "status": status}
    return JSONResponse(body, status, headers)


_CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "ALREADY_EXISTS"}
