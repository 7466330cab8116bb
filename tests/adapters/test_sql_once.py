"""What may be used once is used once, whichever processes it is shown to at the same moment."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.memory.identity import MemoryPasswordHasher
from faultmaven_adapters.sql import open_sql
from faultmaven_adapters.system import RandomIds, SystemClock
from faultmaven_domain.auth import AuthorizationRequest, AuthService, Clients, InvalidGrant, InvalidToken, UserExists
from faultmaven_domain.auth.oauth import challenge_of
from faultmaven_domain.kernel.principal import Principal
from tests.adapters.sql_engines import url

__all__ = ["url"]

TIMES, TOGETHER = 8, 2
SECRET = "a secret of more than thirty-two characters"
REDIRECT, CLIENT, VERIFIER = "http://localhost:1234/back", "cli", "v" * 43
CLIENTS = Clients(redirects=(REDIRECT,))
Act = Callable[[AuthService, int], Awaitable[object]]


def service(transactions: object) -> AuthService:
    ids, clock = RandomIds(), SystemClock()
    identity = JwtIdentityProvider(SECRET, transactions, clock, ids)
    return AuthService(transactions, identity, MemoryPasswordHasher(ids), clock, ids)


def at_once(url: str, act: Act) -> list[list[object]]:
    """What each of several got each time: apart as processes are, with loops, connections and locks of their own."""
    together = threading.Barrier(TOGETHER, timeout=60)

    async def each(found: list[object]) -> None:
        async with open_sql({"auth": url}, lambda: None) as opened:
            auth = service(opened["auth"])
            for number in range(TIMES):
                together.wait()
                try:
                    found.append(await act(auth, number))
                except (InvalidGrant, InvalidToken, UserExists) as error:
                    found.append(error)

    found: list[list[object]] = [[] for _ in range(TOGETHER)]
    threads = [threading.Thread(target=lambda its=its: asyncio.run(each(its))) for its in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def winners(found: list[list[object]]) -> list[int]:
    """How many had their way, each time."""
    assert [len(each) for each in found] == [TIMES] * TOGETHER
    return [sum(not isinstance(one, Exception) for one in each) for each in zip(*found, strict=True)]


async def test_a_code_a_token_and_an_account(url: str) -> None:
    """Of two processes that show one code, or one refresh token, or open one account, one has its way."""
    async with open_sql({"auth": url}, lambda: None) as opened:
        auth = service(opened["auth"])
        ana = await auth.register(email="ana@example.org", password="correct horse")
        asked = AuthorizationRequest(
            client_id=CLIENT,
            redirect_uri=REDIRECT,
            code_challenge=challenge_of(VERIFIER),
            code_challenge_method="S256",
        )
        who = Principal(user_id=ana.user_id, roles=ana.roles)
        codes = [await auth.grant_code(principal=who, request=asked, clients=CLIENTS) for _ in range(TIMES)]
        signed = [await auth.login(name="ana@example.org", password="correct horse") for _ in range(TIMES)]

    async def exchange(auth: AuthService, number: int) -> object:
        return await auth.exchange_code(
            code=codes[number].code, verifier=VERIFIER, client_id=CLIENT, redirect_uri=REDIRECT
        )

    async def refresh(auth: AuthService, number: int) -> object:
        return await auth.refresh(refresh_token=signed[number].tokens.refresh_token)

    async def register(auth: AuthService, number: int) -> object:
        return await auth.register(email=f"{number}@example.org", password="correct horse")

    assert winners(await asyncio.to_thread(at_once, url, exchange)) == [1] * TIMES
    assert winners(await asyncio.to_thread(at_once, url, refresh)) == [1] * TIMES
    assert winners(await asyncio.to_thread(at_once, url, register)) == [1] * TIMES
