"""One client on the wire: what it sends, as a browser would send it, and what it reads of each answer."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx2
from attrs import define, field, frozen

from tests.clients.needs import Need, equal, naming
from tests.clients.paths import Absent, Answer, places

Reads = Mapping[str, Need]
#: Parts of a form: a text, or a file as (name, content, media type).
Part = str | tuple[str, bytes, str]
#: What a page may send without asking first.
_SIMPLE_METHODS = {"GET", "POST"}
_SIMPLE_HEADERS = {"accept", "origin"}
_SIMPLE_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}


@frozen(kw_only=True)
class Step:
    """One request of a client's and its answer. ``route`` is its method and address, ids as names in braces."""

    name: str
    route: str
    statuses: tuple[int, ...]
    reads: Reads
    answer: Answer

    def faults(self) -> list[str]:
        """Everything that would go wrong in the client, in words; nothing where all is well."""
        if self.answer["status"] not in self.statuses:
            body = json.dumps(self.answer["body"])[:300]
            return [f"{self}: the status is {self.answer['status']}, not {self.statuses}: {body}"]
        return [f"{self}: {fault}" for path, need in self.reads.items() for fault in _faults(self.answer, path, need)]

    def __str__(self) -> str:
        return f"{self.name} ({self.route})"

    def __getitem__(self, path: str) -> Any:
        """A field's value. Raises: Absent."""
        place = places(self.answer, path)[0]
        if not place.is_there:
            raise Absent(f"{self}: there is no {path}: {json.dumps(self.answer)[:600]}")
        return place.value


@define(kw_only=True)
class Wire:
    """``headers`` go with every request. A page of ``origin`` asks before what is not simple, and needs to be let in;
    ``credentials`` says whether it sends them, and ``exposed`` which headers it reads. ``by_name``: whether the server
    lets people in by a name alone."""

    http: httpx2.Client
    headers: dict[str, str] = field(factory=dict)
    origin: str | None = None
    credentials: bool = False
    exposed: Sequence[str] = ()
    by_name: bool = True
    steps: list[Step] = field(factory=list)
    _asked: set[object] = field(factory=set)

    def __call__(
        self,
        name: str,
        route: str,
        reads: Reads | None = None,
        *,
        status: int | tuple[int, ...] = 200,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        parts: Iterable[tuple[str, Part]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Step:
        """``body`` is sent as JSON, ``form`` urlencoded, ``parts`` as multipart; an empty header is left out."""
        method, path = route.split(" ", 1)
        for key, value in (ids or {}).items():
            path = path.replace(f"{{{key}}}", value)
        assert "{" not in path, f"{name}: {path} is not filled in"
        given = {k.lower(): v for k, v in {**self.headers, **(headers or {})}.items()}
        sent: dict[str, Any] = {"data": form}
        if body is not None:
            given.setdefault("content-type", "application/json")
            sent = {"content": json.dumps(body).encode()}
        elif parts:
            given.pop("content-type", None)
            sent = {"files": [(k, (None, v) if isinstance(v, str) else v) for k, v in parts]}
        elif form is not None:
            given.pop("content-type", None)
        given = {k: v for k, v in given.items() if v}
        if self.origin:
            given["origin"] = self.origin
            self._preflight(name, route, path, method, given)
        request = self.http.build_request(
            method, f"{self.base}{path}", params=dict(query or {}) or None, headers=given, **sent
        )
        route = route.replace("//", "/")
        return self._done(name, route, (status,) if isinstance(status, int) else status, reads or {}, request)

    @property
    def base(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def page(self, name: str, path: str, reads: Reads, *, query: Mapping[str, str]) -> Step:
        """A page in a tab of the browser's, which sends nothing of the client's."""
        request = self.http.build_request("GET", path, params=dict(query), headers={"accept": "text/html"})
        step = Step(name=name, route=f"GET {path}", statuses=(200,), reads=reads, answer=_kept(self.http.send(request)))
        self.steps.append(step)
        return step

    def _preflight(self, name: str, route: str, path: str, method: str, headers: Mapping[str, str]) -> None:
        """What a browser asks first, once for each kind of request."""
        simple = _SIMPLE_HEADERS | (
            {"content-type"} if headers.get("content-type") in {None, *_SIMPLE_TYPES} else set()
        )
        asking = sorted(set(headers) - simple)
        question = (headers["origin"], route, *asking)
        if (method in _SIMPLE_METHODS and not asking) or question in self._asked:
            return
        self._asked.add(question)
        reads = {} if method in _SIMPLE_METHODS else {"header:access-control-allow-methods": naming(method)}
        if asking:
            reads["header:access-control-allow-headers"] = naming(*asking)
        asked = {"Origin": headers["origin"], "Access-Control-Request-Method": method}
        if asking:
            asked["Access-Control-Request-Headers"] = ",".join(asking)
        request = self.http.build_request("OPTIONS", f"{self.base}{path}", headers=asked)
        self._done(f"ask before: {name}", f"OPTIONS {route.partition(' ')[2]}", (200, 204), reads, request)

    def _done(self, name: str, route: str, statuses: tuple[int, ...], reads: Reads, request: httpx2.Request) -> Step:
        answer = self.http.send(request)
        step = Step(
            name=name,
            route=route,
            statuses=statuses,
            reads={**self._letting_in(request), **reads},
            answer=_kept(answer),
        )
        self.steps.append(step)
        return step

    def _letting_in(self, request: httpx2.Request) -> dict[str, Need]:
        if self.origin is None:
            return {}
        reads = {"header:access-control-allow-origin": equal(self.origin)}
        if self.credentials:
            reads["header:access-control-allow-credentials"] = equal("true")
        if self.exposed and request.method != "OPTIONS":
            reads["header:access-control-expose-headers"] = naming(*self.exposed)
        return reads


def _kept(answer: httpx2.Response) -> Answer:
    is_json = re.match(r"application/(\w+\+)?json", answer.headers.get("content-type", ""))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {"status": answer.status_code, "headers": headers, "body": answer.json() if is_json else answer.text}


def _faults(answer: Answer, path: str, need: Need) -> list[str]:
    try:
        found = places(answer, path)
    except Absent as error:
        return [] if need.optional else [f"{path}: {error}"]
    missing = [f"{path} is missing" for place in found if not place.is_there and not need.optional]
    wrong = [place.value for place in found if place.is_there and not need.holds(place.value)]
    return missing + [f"{path} is {json.dumps(value)[:200]}; it must be {need.said}" for value in wrong]
