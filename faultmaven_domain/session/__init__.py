"""The session room: what a client is in the middle of."""

from .errors import SessionNotFound
from .models import OpenedSession, Session
from .ports import SessionStore
from .service import SessionService

__all__ = ["OpenedSession", "Session", "SessionNotFound", "SessionService", "SessionStore"]
