import json
import time
from datetime import timedelta
from typing import cast

from attrs import field, frozen

DEFAULT_TTL = timedelta(hours=1)


@frozen
class MemoryResultStore:
    _results: dict[str, tuple[str, float]] = field(factory=dict, init=False)

    async def get(self, job_id: str) -> dict[str, object] | None:
        written, until = self._results.get(job_id, ("", 0.0))
        return cast("dict[str, object]", json.loads(written)) if time.monotonic() < until else None

    async def set(self, job_id: str, result: dict[str, object], ttl: timedelta | None = None) -> None:
        """Raises: TypeError for what JSON cannot say."""
        written, now = json.dumps(result), time.monotonic()
        for lapsed in [key for key, (_, until) in self._results.items() if until <= now]:
            del self._results[lapsed]
        self._results[job_id] = (written, now + (DEFAULT_TTL if ttl is None else ttl).total_seconds())
