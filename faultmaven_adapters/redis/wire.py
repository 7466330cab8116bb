"""How a job travels between who asks and who works: JSON, never pickle. Both sides use these two."""

import json
from typing import Any


class Payload(dict[str, Any]):
    """What a user wrote may be in it, and arq logs each call's arguments: of this one, only the names of its fields."""

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"


def serialize(job: dict[str, Any]) -> bytes:
    """Raises: TypeError for what JSON cannot say."""
    return json.dumps(job, separators=(",", ":"), default=_outcome).encode()


def deserialize(data: bytes) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(data)
    job["a"] = [Payload(argument) if isinstance(argument, dict) else argument for argument in job["a"]]
    return job


def _outcome(value: object) -> str:
    """arq writes down what a job raised, even where results are not kept."""
    if isinstance(value, BaseException):
        return repr(value)
    raise TypeError(f"A job's payload is JSON, and {type(value).__name__} is not.")
