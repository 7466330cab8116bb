"""Secrets that are none: what examples and templates show, and what anybody would type.

Nothing here is to be met in a random secret by chance: a short word counts between signs alone, or beside another.
"""

import re

from .fields import SHORTEST_SECRET

#: Of SHORTEST_SECRET random decimal digits fewer are different once in 17 million times.
FEWEST_CHARACTERS = 6
_GAP = "[-_. ]?"
#: To be filled in, whatever else there is.
_UNFILLED = re.compile(
    rf"(change|replace){_GAP}(me|this|it|with)|^\s*[$<{{[(]+[a-z0-9 _.:-]+[])}}>]+\s*$", re.IGNORECASE
)
#: Not secret, whatever it stands before.
_WORDS = re.compile(
    "|".join(
        (
            "placeholder|insecure|example|default|openssl|generate|password|passw0rd",
            "0123456789|1234567890|abcdefghij|qwertyuiop",
            f"(super|top|my|our|jwt|dev|test|demo|dummy|sample|fake|local|secret){_GAP}secret",
            f"secret{_GAP}(key|token|string|value|here)|random{_GAP}(key|secret|string|value)",
            "your[-_. ].*(secret|key|token|string)",
            "(?<![a-z0-9])(test|testing|dummy|sample|insert)(?![a-z0-9])",
        )
    ),
    re.IGNORECASE,
)
#: What nobody types: a name may well come before it.
_DRAWN = re.compile(rf"[A-Za-z0-9+/=]{{{SHORTEST_SECRET},}}")


def is_placeholder(secret: str) -> bool:
    """One that everybody knows, such as ``change-me-in-production``, or so plain that it is soon guessed."""
    if _UNFILLED.search(secret):
        return True
    own = _WORDS.sub(" ", secret)
    drawn = _DRAWN.search(own)
    if own != secret and drawn is None:
        return True
    return len(secret) >= SHORTEST_SECRET and _is_plain(drawn[0] if drawn else secret)


def _is_plain(secret: str) -> bool:
    """Whether few characters make it up, or its first half, or less of it, is said again and again."""
    few = len(set(secret)) < FEWEST_CHARACTERS
    return few or any((secret[:n] * (len(secret) // n + 1)).startswith(secret) for n in range(1, len(secret) // 2 + 1))
