"""What a stand-in can be told to do, in words that are the same for every vendor."""

from attrs import frozen

#: The key that every stand-in takes, where it asks for one.
KEY = "sk-stand-in"
#: Words of the vendor's that none of our errors may repeat.
SAID = f"boom sk-secret {KEY}"
#: Tokens each answer is said to have taken.
GIVEN, MADE = 11, 7


@frozen(kw_only=True)
class Says:
    """An answer. ``ending``: stop, length, filtered or refused."""

    text: str
    ending: str = "stop"


@frozen(kw_only=True)
class Fails:
    """A status instead of an answer; ``date`` is the sender's clock."""

    status: int
    retry_after: str | None = None
    date: str | None = None


@frozen(kw_only=True)
class Garbles:
    """Bytes with the status of success that are no answer."""

    body: bytes
    media_type: str = "application/json"


@frozen(kw_only=True)
class Breaks:
    """An answer that breaks off after some pieces: the connection is cut, or there is an error in the stream.

    ``error``: overloaded, limited or invalid.
    """

    after: int
    error: str | None = None


@frozen(kw_only=True)
class Stalls:
    """An answer that waits ``seconds`` in the middle, after some pieces."""

    after: int
    seconds: float


@frozen(kw_only=True)
class Floods:
    """An answer without an end: of one line, or of ever more pieces."""

    in_one_line: bool


#: A text is said, a number is seconds to wait before whatever comes next.
Reply = str | float | Says | Fails | Garbles | Breaks | Stalls | Floods
