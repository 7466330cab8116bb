"""What a short message decides. One that says more than a decision is a question, and none of this file's."""

import re
from enum import StrEnum


class Word(StrEnum):
    YES = "yes"
    NO = "no"
    INVESTIGATE = "investigate"
    RESOLVE = "resolve"
    CLOSE = "close"


def bag(words: str, between: str | None = None) -> frozenset[str]:
    return frozenset(word.strip() for word in words.split(between))


#: A message with more words than this says more than a decision does.
_LONGEST = 20
_YES = bag(
    """yes yep yeah yup yea y aye affirmative correct exactly indeed absolutely definitely agreed confirmed confirm"""
)
_NO = bag("no nope nah n incorrect wrong not")
_WITH_YES = _YES | bag(
    """please thanks thank you it its is that thats this did does has was worked works helped fixed right so do go
    ahead of course sure i we agree the problem root cause applied done"""
)
_WITH_NO = _NO | bag(
    """please thanks thank you sorry it its is that thats this isnt did didnt does doesnt has hasnt was wasnt yet
    really quite worked work helped help at all still i we dont do think so now rule out
    something else"""
)
#: Said as a whole, they mean yes.
_AGREED = bag(
    """ok; okay; sure; sure thing; of course; go ahead; ok go ahead; okay go ahead; sure go ahead; please do; do it;
    right; thats right; that is right; thats correct; that is correct; i confirm; i agree; it did; it does; it is;
    it worked; it works; it works now; that worked; sounds good""",
    between=";",
)

_WISH = (
    r"(?:(?:please|ok|okay|yes|now|lets|let us|i want to|we want to|i would like to|id like to|"
    r"you can|can you|could you|we can) )*"
)
_CASE = r"(?:the|this|my|our) (?:case|ticket)"
_TROUBLE = r"(?:the|this|my|our) (?:case|ticket|issue|problem|incident)|it|this|that|everything"
_POLITE = r"(?: (?:please|now|thanks|thank you))*"
_INVESTIGATE = re.compile(
    rf"{_WISH}(?:(?:start|begin|open)(?: (?:a|an|the|this))?(?: formal| full)? (?:investigation|investigating)"
    rf"|investigate(?: (?:this|it|{_CASE}))?)(?: to find (?:the|its|a) root cause)?{_POLITE}"
)
_RESOLVE = re.compile(
    rf"{_WISH}(?:(?:mark|set)(?: (?:{_TROUBLE}))? (?:as |to )?(?:resolved|solved|fixed)|resolve {_CASE}){_POLITE}"
    rf"|(?:(?:{_TROUBLE})(?: is| was| has been)|its|thats)(?: now)? (?:resolved|solved|fixed){_POLITE}"
)
_CLOSE = re.compile(
    rf"{_WISH}(?:(?:close|end|abandon) (?:{_CASE}|case|it|this|this one)(?: as [a-z ]+)?"
    rf"|(?:mark|set)(?: (?:{_TROUBLE}))? (?:as|to) closed){_POLITE}"
)


def word_of(message: str) -> Word | None:
    """What a message decides, None where it is a question or says more than a decision.

    A wish to investigate, to resolve or to close may have a sentence or two behind it; a yes or a no stands alone.
    """
    said = words_in(message)
    if "?" in message or not 1 <= len(said) <= _LONGEST:
        return None
    first = " ".join(words_in(re.split(r"[.!;:\n]", message.strip(), maxsplit=1)[0]))
    for word, pattern in ((Word.INVESTIGATE, _INVESTIGATE), (Word.RESOLVE, _RESOLVE), (Word.CLOSE, _CLOSE)):
        if pattern.fullmatch(first):
            return word
    if " ".join(said) in _AGREED or (said[0] in _YES and _WITH_YES.issuperset(said)):
        return Word.YES
    return Word.NO if said[0] in _NO and _WITH_NO.issuperset(said) else None


def words_in(text: str) -> list[str]:
    """In small letters, without what stands between and inside them."""
    return re.findall(r"\w+", re.sub(r"['’`]", "", text.casefold()))
