"""From a message to the words it is made of, its values put as ``<*>``. No program's own format is known here."""

import re

MASK = "<*>"
LONGEST_MESSAGE = 2_000
"""Characters of a message that are looked at; a line may be a megabyte."""
MOST_WORDS = 80
LONGEST_WORD = 240
_MOST_CACHED, _LONGEST_CACHED = 50_000, 100

# The order matters: what contains others comes first. No alternative can begin inside a word it did not begin with,
# so that a hostile line costs no more than a glance at each character.
_VALUE = re.compile(
    r"""
      [a-z][a-z0-9+.-]{1,15}://[^\s"'<>,;)\]}]+                              # URL
    | (?<![\w-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w])  # UUID
    | (?<![\w.+-])\w[\w.+-]*@[\w-]+(?:\.[\w-]+)+                               # user@host.name
    | (?<!\w)[A-Za-z]:\\[^\s"'<>|,;)]*                                       # Windows path
    | (?<![\w<>*.)/])/{1,2}[\w.$@%+~:-]+(?:/[\w.$@%+~:=-]+)+/?               # path
    | (?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\d+)?(?![\w])                  # IPv4, port, prefix
    | (?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}:?[0-9a-fA-F:.]*(?![\w])           # IPv6, MAC
    | (?<![\w.-])(?=[\w.-]*\d)\w[\w-]*(?:\.[\w-]+)*\.[A-Za-z]{2,}(?::\d+)?(?![\w.])  # host name with a digit
    | (?<![\w.-])[A-Za-z][\w-]*(?:\.[\w-]+)*\.[a-z]{2,12}:\d{1,5}(?![\w.])    # host.name:port, file.c:12
    | (?<!\w)0[xX][0-9a-fA-F]+
    | (?<!\w)(?=[0-9a-f]*[0-9])(?:[0-9a-f]{6,})(?!\w)
    | (?<!\w)(?=[0-9A-F]*[0-9])(?:[0-9A-F]{6,})(?!\w)
    | (?<==)[0-9a-f]{8}(?:[0-9a-f]{8})?(?!\w)                                  # mask=ffffffff
    | (?<=[A-Za-z][_-])-?\d[\w-]*                                            # blk_123, attempt_1_0_m_2
    | (?<!\w)[-+]?\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?
    | \d+(?:\.\d+)*
    """,
    re.VERBOSE,
)
# a quoted value of several words, unless its name says that it tells what happened
_QUOTED = re.compile(r'(?<!err)(?<!error)(?<!msg)(?<!message)(?<!reason)(?<!cause)(?<!status)="[^"]{0,200}"')
# the one number that tells what happened: put so that it is not masked
_SERVER_ERROR = re.compile(r"\b[Ss]tatus(?:[ _-]?[Cc]ode)?[\"']?\s?[:=]\s?[\"']?(5\d\d)(?![\w.])")
_SERVER_ANSWER = re.compile(r"(HTTP/[\d.]{1,3}[\"']?\s)(5\d\d)(?![\w.])")
_STATUS = re.compile(r"status=(?:[45]\d\d|[1-3]xx)$")
# what most values are: a short cut to what _VALUE does with them
_NUMBER = re.compile(r"([A-Za-z]+[_-]|[/(\[])?-?\d+(?:[.:]\d+)*([,;:.)\]]*)$")
_RUN = re.compile(r"<\*>(?:[-.:/_,+@|x#]*<\*>)+")
_PLAIN = frozenset(
    ("http/1.0", "http/1.1", "http/2.0", "sha256", "utf-8", "utf-16", "x86_64", "amd64", "arm64", "base64")
)
_ONE_DIGIT = re.compile(r"[^\w/.-]*[A-Za-z_]*[A-Za-z]/?\d[A-Za-z_]*[^\w/]*$")
_TRIM = "\"'()[]{}<>.,;:!?"


class _Seen(dict[str, str]):
    """Words and what they become. Forgets all when full."""

    def __missing__(self, word: str) -> str:
        masked = masked_word(word)
        if len(word) <= _LONGEST_CACHED:
            if len(self) >= _MOST_CACHED:
                self.clear()
            self[word] = masked
        return masked


class Masker:
    """Masks messages word by word, remembering words: most words of a log come again."""

    def __init__(self) -> None:
        self._mask = _Seen().__getitem__

    def words(self, message: str) -> tuple[str, ...]:
        """The message's words, values masked. Bounded whatever the message's length."""
        if len(message) > LONGEST_MESSAGE:
            message = message[:LONGEST_MESSAGE]
        if "tatus" in message:
            message = _SERVER_ERROR.sub(r"status=\1", message)
        if "HTTP/" in message:
            message = _SERVER_ANSWER.sub(r"\1status=\2", message)
        if '="' in message:
            message = _QUOTED.sub(f'="{MASK}"', message)
        found = message.split(None, MOST_WORDS)
        if len(found) > MOST_WORDS:
            found[-1] = "..."
        return tuple(map(self._mask, found))


def is_status(word: str) -> bool:
    """Whether a word is an HTTP status that tells what happened; such a word never varies."""
    return word.startswith("status=") and _STATUS.match(word) is not None


def masked_word(word: str) -> str:
    """One word with its values masked; a word without any comes back as it is."""
    if word.isalpha() or is_status(word):
        return word
    if number := _NUMBER.match(word):
        return f"{number[1] or ''}{MASK}{number[2]}"
    if len(word) > LONGEST_WORD:
        return MASK
    if _ONE_DIGIT.match(word) or word.strip(_TRIM).lower() in _PLAIN:
        return word  # jk2_init(), ssh2, eth0: mostly a name; where it is a value, merging will find that it varies
    masked = _VALUE.sub(MASK, word)
    return _RUN.sub(MASK, masked) if MASK in masked else masked
