"""Lists of phrases as one regular expression, so that they can be read as a list."""

import re
from re import Pattern

_BETWEEN = re.compile(r"\s+\|\s+|\s*\n\s*")


def any_of(block: str) -> Pattern[str]:
    """Any of the expressions in a block, which are in small letters, as the text must be that is searched.

    They stand on lines of their own or between bars with blanks around; a bar within one has none. (Small letters,
    since a search regardless of case takes several times as long.)
    """
    return re.compile("|".join(_BETWEEN.split(block.strip())))
