"""A client that tells three things apart: an answer, a clear refusal, and no answer at all."""

import re
import time
from typing import Any

import httpx2
from attrs import define, field

from .ledger import Ledger

PASSWORD = "correct horse battery"
#: How long one answer may take, in seconds.
PATIENCE = 60.0
#: What a server may say when it cannot do what it is asked: status and code.
CLEAR = {(503, "SERVICE_UNAVAILABLE"), (507, "STORAGE_FULL")}
#: What is inside the server and no client's business.
_INSIDE = re.compile(r"/\w+/|Errno|Traceback|sqlite|lance|MISCONF|\.py\b|0x[0-9a-f]{6}", re.I)


class Unanswered(Exception):
    """The connection ended without an answer: what was asked for may have happened or not."""


class Refused(Exception):
    """An answer that says no."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


@define(eq=False)
class Client:
    """One user's client. Refusals are counted in the ledger, unclear ones complained of."""

    base: str
    ledger: Ledger
    _client: httpx2.Client = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._client = httpx2.Client(base_url=self.base, timeout=PATIENCE)

    def close(self) -> None:
        self._client.close()

    def register(self, email: str) -> str:
        """The new user's id. Raises: Unanswered; Refused."""
        body = {"email": email, "password": PASSWORD, "full_name": "Player"}
        return str(self.call("POST", "/v1/auth/register", json=body)["user_id"])

    def log_in(self, email: str) -> None:
        tokens = self.call("POST", "/v1/auth/login", json={"email": email, "password": PASSWORD})
        self._client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def call(self, method: str, path: str, **how: Any) -> Any:
        """The answer's JSON. Raises: Unanswered; Refused."""
        return self._answer(method, path, **how).json()

    def content(self, path: str) -> bytes:
        """The answer's bytes. Raises: Unanswered; Refused."""
        return self._answer("GET", path).content

    def _answer(self, method: str, path: str, **how: Any) -> httpx2.Response:
        try:
            response = self._client.request(method, path, **how)
        except httpx2.TimeoutException as error:
            self.ledger.complain(f"{method} {path} was not answered within {PATIENCE:.0f} s")
            raise Unanswered from error
        except httpx2.TransportError as error:
            raise Unanswered from error
        if response.is_success:
            return response
        refused, unclear = judged(response)
        self.ledger.refuse(str(refused))
        if unclear:
            self.ledger.complain(f"{method} {path}: {unclear}: {response.status_code} {response.text[:300]}")
        raise refused


def judged(response: httpx2.Response) -> tuple[Refused, str | None]:
    """What an error says, and what is wrong with how it says it."""
    try:
        error = response.json()["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return Refused(response.status_code, "?", ""), "an error of another shape"
    refused = Refused(response.status_code, code, message)
    if (response.status_code, code) not in CLEAR:
        return refused, "an error that is no clear one"
    if not message or _INSIDE.search(response.text):
        return refused, "an error that tells of the inside"
    return refused, None


def pause(seconds: float = 0.05) -> None:
    """Before the same is asked again."""
    time.sleep(seconds)
