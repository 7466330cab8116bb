"""How long a turn waits for the files that came with it: until they are read, and not for ever."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..evidence import Evidence, EvidenceStatus
from .models import Turn

#: From when it was submitted. What is still being read then is named in the answer's notes.
READ_WAIT = timedelta(seconds=90)
SHORTEST, LONGEST = timedelta(milliseconds=100), timedelta(seconds=1)


def pause(turn: Turn, files: Sequence[Evidence], *, at: datetime) -> timedelta | None:
    """When to look again: soon at first, as most files are small, then less often. None where there is no need to wait.

    A file that was deleted since is not waited for, nor one that nobody will read any more.
    """
    waited = at - turn.submitted_at
    reading = any(file.evidence_id in turn.attachments and file.status is EvidenceStatus.PROCESSING for file in files)
    return min(LONGEST, max(SHORTEST, waited / 4)) if reading and waited < READ_WAIT else None
