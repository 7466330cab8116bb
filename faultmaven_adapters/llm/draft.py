"""An answer while it comes in, and the rules that hold for all vendors: no empty one, no text that cannot be stored."""

import re
from collections.abc import Iterable

from attrs import define, field

from faultmaven_domain.agent import ChatResponse, LLMError, Message

#: Where the model said nothing, and said why.
_INSTEAD = {
    "refused": "The language model declined to answer this.",
    "filtered": "The language model's provider withheld the answer.",
}
_LONGEST_NAME = 200
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def cleaned(text: object) -> str:
    """Text that UTF-8 and every database can hold; None is empty. Raises: TypeError for anything else."""
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} where a text was to be")
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)


def written(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Messages as all three vendors take them."""
    return [{"role": message.role, "content": cleaned(message.content)} for message in messages]


def counted(value: object) -> int | None:
    """A number of tokens, or None where there is no sense in it."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


@define
class Draft:
    """``model`` is what was asked for, until the vendor names what answers."""

    provider: str
    model: str
    stop_reason: str = field(default="stop", init=False)
    _input: int | None = field(default=None, init=False)
    _output: int | None = field(default=None, init=False)
    _pieces: list[str] = field(factory=list, init=False)

    def add(self, text: object) -> str:
        """The piece as it was taken, empty where there was none. Raises: TypeError."""
        piece = cleaned(text)
        if piece:
            self._pieces.append(piece)
        return piece

    def answered_by(self, model: object) -> None:
        if isinstance(model, str) and model:
            self.model = cleaned(model)[:_LONGEST_NAME]

    def stopped(self, reason: str) -> None:
        """Why the answer ended; that it was refused is not taken back."""
        if self.stop_reason != "refused":
            self.stop_reason = reason

    def count(self, given: object, made: object) -> None:
        """Tokens of the prompt and of the answer so far; the last count of each holds."""
        self._input = counted(given) if counted(given) is not None else self._input
        self._output = counted(made) if counted(made) is not None else self._output

    def closing(self) -> str:
        """What is left to say at the end: a sentence of ours where the model declined without a word.

        Raises: LLMError for an answer of nothing.
        """
        if any(not piece.isspace() for piece in self._pieces):
            return ""
        if self.stop_reason in _INSTEAD:
            return self.add(_INSTEAD[self.stop_reason])
        raise LLMError("The language model gave no answer.", provider=self.provider)

    def whole(self) -> ChatResponse:
        return ChatResponse(
            content="".join(self._pieces),
            model=self.model,
            provider=self.provider,
            stop_reason=self.stop_reason,
            input_tokens=self._input,
            output_tokens=self._output,
        )
