"""A script that Redis runs in one step, and keeps by its name once it has read it."""

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha1
from typing import Any

from attrs import field, frozen
from redis.exceptions import NoScriptError


@frozen
class Script:
    text: str
    _name: str = field(init=False)

    @_name.default
    def _named(self) -> str:
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()  # what Redis calls it

    async def run(
        self, send: Callable[..., Awaitable[Any]], keys: Sequence[str | bytes], *words: str | int | bytes
    ) -> Any:
        """Its answer; ``send`` is what sends a command. Raises: what the vendor's client does."""
        try:
            return await send("EVALSHA", self._name, len(keys), *keys, *words)
        except NoScriptError:  # Redis is new, or was restarted; this keeps it there
            return await send("EVAL", self.text, len(keys), *keys, *words)
