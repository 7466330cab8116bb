"""JSON over HTTP to ``POST {base_url}/internal/{module}/{method}``; see ``faultmaven_http/routes/internal.py``."""

import json
import logging
from typing import Any

import httpx2
from attrs import field, frozen

from faultmaven_domain.kernel.errors import FaultMavenError, Unavailable

from .errors import error_from
from .face import Face, Method, Misfit, face_of, module_of

log = logging.getLogger(__name__)


def _client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(timeout=httpx2.Timeout(60.0, connect=5.0))


@frozen
class RemoteModule:
    """The process a module runs in. ``key`` is :func:`internal_key` of the secret both share."""

    base_url: str
    key: str = field(repr=False)
    http: httpx2.AsyncClient = field(factory=_client, repr=False)

    def service(self, kind: type) -> object:
        """What stands in for a service: its methods, each of which raises what the service would, or Unavailable.

        Raises: TypeError for a service that cannot be called from afar.
        """
        return _Service(self, module_of(kind), face_of(kind))

    async def ping(self) -> None:
        """Raises: Unavailable."""
        response = await self._sent("GET", "/health/live")
        if not response.is_success:
            raise Unavailable(f"{self.base_url} answers with status {response.status_code}.")

    async def close(self) -> None:
        await self.http.aclose()

    async def call(self, module: str, method: Method, arguments: dict[str, object]) -> object:
        """Raises: what the use-case raises; Unavailable."""
        response = await self._sent("POST", f"/internal/{module}/{method.name}", method.arguments_out(arguments))
        try:
            body = response.json()
            if response.is_success:
                return method.result_in(body["result"])
            error: FaultMavenError = error_from(body["error"])
        except (ValueError, KeyError, TypeError, Misfit) as nonsense:
            log.warning("%s: %s: no proper answer, status %d", module, method.name, response.status_code)
            raise Unavailable(f"The {module} module gave no proper answer.") from nonsense
        raise error

    async def _sent(self, verb: str, path: str, body: dict[str, object] | None = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            content = None if body is None else json.dumps(body).encode()
            return await self.http.request(verb, f"{self.base_url.rstrip('/')}{path}", content=content, headers=headers)
        except httpx2.HTTPError as error:
            log.warning("%s%s: %s: %s", self.base_url, path, type(error).__name__, error)
            raise Unavailable(f"{self.base_url} does not answer.") from error


class _Service:
    def __init__(self, remote: RemoteModule, module: str, face: Face) -> None:
        self._remote, self._module, self._face = remote, module, face

    def __getattr__(self, name: str) -> Any:
        method = self._face.get(name)
        if method is None:
            raise AttributeError(f"The {self._module} module has no {name}.", name=name, obj=self)

        async def call(**arguments: object) -> object:
            return await self._remote.call(self._module, method, arguments)

        return call
