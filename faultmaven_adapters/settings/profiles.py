"""What a profile says of the variables that nobody has set. Whatever is set wins.

Team is one machine, or a few: PostgreSQL and Redis are looked for where they listen by default. Enterprise is many
machines, and nothing of it is on this one: no address is guessed, and one that was forgotten stops the start.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from faultmaven_domain.kernel.errors import Misconfigured, Unavailable

from .addresses import shown
from .choices import Profile
from .fields import Settings

#: In the environment's own words.
DEFAULTS: Mapping[Profile, Mapping[str, str]] = {
    Profile.CORE: {},
    Profile.TEAM: {
        "DATABASE_URL": "postgresql://faultmaven@localhost:5432/faultmaven",
        "REDIS_URL": "redis://localhost:6379",
        "RATE_LIMITS": "true",
    },
    Profile.ENTERPRISE: {
        "FILE_STORAGE": "s3",
        "LANCEDB_PATH": "s3://<S3_BUCKET>/<S3_PREFIX>lancedb",
        "RATE_LIMITS": "true",
        "WORKER": "false",
    },
}
#: What is never guessed in a profile; ``JWT_SECRET`` makes tokens that every process must understand.
REQUIRED: Mapping[Profile, tuple[str, ...]] = {
    Profile.CORE: (),
    Profile.TEAM: ("JWT_SECRET",),
    Profile.ENTERPRISE: ("DATABASE_URL", "REDIS_URL", "S3_BUCKET", "JWT_SECRET"),
}


def with_defaults(given: Mapping[str, str]) -> dict[str, str]:
    """The environment, and what its profile says of the rest."""
    try:
        profile = Profile(given.get("PROFILE", Profile.CORE))
    except ValueError:  # told when it is read
        return dict(given)
    found = {**DEFAULTS[profile], **given}
    bucket, prefix = found.get("S3_BUCKET"), found.get("S3_PREFIX", "").strip("/")
    place = found.get("LANCEDB_PATH", "")
    if bucket is None and "<S3_BUCKET>" in place and found.get("FILE_STORAGE") != "s3":  # else told as missing
        del found["LANCEDB_PATH"]
    elif bucket is not None:
        filled = place.replace("<S3_BUCKET>", bucket).replace("<S3_PREFIX>", f"{prefix}/" if prefix else "")
        found |= {"LANCEDB_PATH": filled} if place else {}
    return found


@contextmanager
def looked_for(settings: Settings, variable: str) -> Iterator[None]:
    """Around what reaches for a server. Raises: what the block does, in words for those who set the variable.

    What an error's notes tell of a server is for them alone, and so is where the profile looked for one.
    """
    try:
        yield
    except (Misconfigured, Unavailable) as error:
        notes = getattr(error, "__notes__", [])
        told, default = " ".join([error.message, *notes]), DEFAULTS[settings.profile].get(variable)
        if default is not None and getattr(settings, variable.lower()) == default:
            where = f"{variable} is not set, so profile {settings.profile.value} looks for it at {shown(default)}"
            raise type(error)(f"{told} {where}; set it to where yours is.") from error
        if not notes:
            raise
        raise type(error)(f"{variable}: {told}") from error
