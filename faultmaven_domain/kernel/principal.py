"""Who is asking: told by a verified token, or by the job a worker was given; never by a request's other headers."""

from attrs import frozen

from .errors import Forbidden

ADMIN = "admin"
USER = "user"


@frozen(kw_only=True)
class Principal:
    """``scopes`` are what an OAuth client was granted of what its user may; None is all of it."""

    user_id: str
    roles: tuple[str, ...] = (USER,)
    scopes: tuple[str, ...] | None = None

    @property
    def is_admin(self) -> bool:
        return ADMIN in self.roles

    def require_admin(self) -> None:
        """Raises: Forbidden for everyone but admins."""
        if not self.is_admin:
            raise Forbidden("Only an admin may do that.")
