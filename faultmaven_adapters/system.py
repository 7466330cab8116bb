"""The machine's own clock and randomness."""

import secrets
import uuid
from datetime import UTC, datetime

from attrs import frozen


@frozen
class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@frozen
class RandomIds:
    def new(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(12)}"

    def job(self) -> str:
        return str(uuid.uuid4())
