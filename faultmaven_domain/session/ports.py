from datetime import datetime
from typing import Protocol

from .models import Session


class SessionStore(Protocol):
    """Sessions by their id, their client's and their user's. One past its timeout is absent."""

    async def get(self, session_id: str, *, now: datetime) -> Session | None: ...

    async def latest_of(self, client_id: str, *, now: datetime) -> Session | None: ...

    async def of_user(self, user_id: str, *, now: datetime) -> list[Session]:
        """Newest first."""
        ...

    async def put(self, session: Session, *, now: datetime) -> None:
        """Insert or replace, and let it expire at ``session.expires_at()``."""
        ...

    async def delete(self, session_id: str) -> bool:
        """False where there was none."""
        ...
