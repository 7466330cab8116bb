"""A module that runs in another process: its service is called over HTTP, and its callers do not notice."""

from .absent import AbsentModule
from .client import RemoteModule
from .errors import error_body, error_from, internal_key
from .face import Face, face_of, module_of

__all__ = ["AbsentModule", "Face", "RemoteModule", "error_body", "error_from", "face_of", "internal_key", "module_of"]
