import re
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

from attrs import define, field, frozen

from faultmaven_domain.agent import ChatResponse, Message

#: What a script is made of: words, a whole response, an error to raise, or something to do before answering.
Reply = str | ChatResponse | BaseException | Callable[[Sequence[Message]], Awaitable[str]]


def _script(replies: Iterable[Reply]) -> deque[Reply]:
    return deque(replies)


@frozen(kw_only=True)
class Prompt:
    """One call, as the model was given it."""

    messages: tuple[Message, ...]
    model: str | None
    temperature: float
    max_tokens: int | None

    @property
    def system(self) -> str:
        return "\n".join(message.content for message in self.messages if message.role == "system")

    @property
    def user(self) -> str:
        return "\n".join(message.content for message in self.messages if message.role == "user")


@define
class ScriptedLLM:
    """Plays its replies one after the other and remembers every prompt. Once they are out it says ``otherwise``."""

    replies: deque[Reply] = field(factory=deque, converter=_script)
    otherwise: str = "The disk is full [1]."
    prompts: list[Prompt] = field(factory=list, init=False)
    where: str = "https://scripted.example"
    name: str = "scripted"

    @property
    def model(self) -> str:
        return "script-1"

    @property
    def address(self) -> str:
        return self.where

    async def ping(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Nothing is held open."""

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> ChatResponse:
        self.prompts.append(
            Prompt(messages=tuple(messages), model=model, temperature=temperature, max_tokens=max_tokens)
        )
        reply = self.replies.popleft() if self.replies else self.otherwise
        if isinstance(reply, BaseException):
            raise reply
        if isinstance(reply, ChatResponse):
            return reply
        words = reply if isinstance(reply, str) else await reply(messages)
        return ChatResponse(content=words, model=model or "script-1", provider=self.name)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> AsyncGenerator[str | ChatResponse, None]:
        """A reply word by word; a Broken one breaks off after its words."""
        response = await self.chat(messages, model=model, temperature=temperature, max_tokens=max_tokens)
        for piece in re.findall(r"\S+\s*", response.content):
            yield piece
        if isinstance(response, Broken):
            raise response.error
        yield response


@frozen(kw_only=True)
class Broken(ChatResponse):
    """Begins well, and ends in an error."""

    error: Exception
