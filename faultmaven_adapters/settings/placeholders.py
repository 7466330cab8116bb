"""Secrets that are none: what examples and templates show, and what anybody would type.

Nothing here is to be met in a random secret by chance: a short word counts between signs alone, or beside another.
"""

import re

from .fields import SHORTEST_SECRET

#: Of SHORTEST_SECRET random hexadecimal digits fewer are different once in 28 million times.
FEWEST_CHARACTERS = 8
_GAP = "[-_. ]?"
_PLACEHOLDER = re.compile(
    "|".join(
        (
            f"(change|replace){_GAP}(me|this|it|with)",
            "placeholder|insecure|example|default|openssl|generate|password|passw0rd",
            "0123456789|1234567890|abcdefghij|qwertyuiop",
            f"(super|top|my|our|jwt|dev|test|demo|dummy|sample|fake|local|secret){_GAP}secret",
            f"secret{_GAP}(key|token|string|value|here)|random{_GAP}(key|secret|string|value)",
            "your[-_. ].*(secret|key|token|string)",
            "(?<![a-z0-9])(test|testing|dummy|sample|insert)(?![a-z0-9])",
            r"^\s*[$<{[(]+[a-z0-9 _.:-]+[])}>]+\s*$",  # what a template was to be filled in at
        )
    ),
    re.IGNORECASE,
)


def is_placeholder(secret: str) -> bool:
    """One that everybody knows, such as ``change-me-in-production``, or so plain that it is soon guessed."""
    if _PLACEHOLDER.search(secret):
        return True
    return len(secret) >= SHORTEST_SECRET and (len(set(secret)) < FEWEST_CHARACTERS or _repeats(secret))


def _repeats(secret: str) -> bool:
    """Whether its first half, or less of it, is said again and again."""
    return any((secret[:n] * (len(secret) // n + 1)).startswith(secret) for n in range(1, len(secret) // 2 + 1))
