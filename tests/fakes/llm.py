from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

from attrs import define, field, frozen

from faultmaven_domain.agent import ChatResponse, LLMError, Message


@frozen
class Broken:
    """An answer that ends in an error after these pieces; one that does not stream is the error alone."""

    pieces: tuple[str, ...]
    error: BaseException = field(factory=LLMError)


#: What a script is made of: words, a whole response, an error to raise, an answer that breaks off, or something to do
#: before answering.
Reply = str | ChatResponse | BaseException | Broken | Callable[[Sequence[Message]], Awaitable[str]]


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
    """Plays its replies one after the other and remembers every prompt. Once they are out it says ``otherwise``.

    What it says streams word by word.
    """

    replies: deque[Reply] = field(factory=deque, converter=_script)
    otherwise: str = "The disk is full [1]."
    prompts: list[Prompt] = field(factory=list, init=False)
    name: str = field(default="scripted", kw_only=True)
    model: str = field(default="script-1", kw_only=True)
    address: str = field(default="https://scripted.example", kw_only=True)

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
        reply = self._next(messages, model, temperature, max_tokens)
        if isinstance(reply, Broken):
            raise reply.error
        return await self._whole(reply, messages, model)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> AsyncGenerator[str | ChatResponse, None]:
        reply = self._next(messages, model, temperature, max_tokens)
        if isinstance(reply, Broken):
            for piece in reply.pieces:
                yield piece
            raise reply.error
        whole = await self._whole(reply, messages, model)
        *words, last = whole.content.split(" ")
        for piece in (*(f"{word} " for word in words), last):
            if piece:
                yield piece
        yield whole

    def _next(
        self, messages: Sequence[Message], model: str | None, temperature: float, max_tokens: int | None
    ) -> Reply:
        self.prompts.append(
            Prompt(messages=tuple(messages), model=model, temperature=temperature, max_tokens=max_tokens)
        )
        return self.replies.popleft() if self.replies else self.otherwise

    async def _whole(self, reply: Reply, messages: Sequence[Message], model: str | None) -> ChatResponse:
        if isinstance(reply, BaseException):
            raise reply
        if isinstance(reply, ChatResponse):
            return reply
        assert not isinstance(reply, Broken)
        words = reply if isinstance(reply, str) else await reply(messages)
        return ChatResponse(content=words, model=model or self.model, provider=self.name)
