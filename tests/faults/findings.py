"""What the checks found out."""

from attrs import define, field


@define
class Findings:
    """Sentences, each about one thing; a thing is named once in a list, however often it is looked at."""

    lost: dict[str, None] = field(factory=dict)
    doubled: dict[str, None] = field(factory=dict)
    #: What a search shows of documents that are not wholly indexed.
    half: dict[str, None] = field(factory=dict)
    #: Jobs that have not ended, or not well, and why.
    unended: dict[str, None] = field(factory=dict)
    looked: int = 0
