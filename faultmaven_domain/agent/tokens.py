"""How many tokens a text is, without any model's own tokenizer: an estimate on the safe side for logs and prose."""

import math
import re
from collections.abc import Iterable

from .models import Message

#: Byte-pair vocabularies hold common words whole, digits in groups of up to three, and most signs one by one.
_PIECES = re.compile(r"([A-Za-z]+)|(\d+)|([^\sA-Za-z\d])|\s{2,}")
_PER_MESSAGE = 8


def tokens_of(text: str) -> int:
    count = 0
    for word, number, sign in _PIECES.findall(text):
        if word:
            count += math.ceil(len(word) / 6)
        elif number:
            count += math.ceil(len(number) / 3)
        else:
            count += 1 if sign.isascii() else len(sign.encode()) - 1
    return count


def of_messages(messages: Iterable[Message]) -> int:
    return sum(_PER_MESSAGE + tokens_of(message.content) for message in messages)
