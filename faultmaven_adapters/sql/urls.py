from pathlib import Path

from faultmaven_domain.kernel.errors import Misconfigured


def sqlite_path(url: str) -> Path:
    """The file of ``sqlite:///relative`` or ``sqlite:////absolute``. Raises: Misconfigured."""
    scheme, _, path = url.partition(":///")
    if scheme.partition("+")[0] != "sqlite" or path in {"", ":memory:"}:
        raise Misconfigured("A SQLite database is named as sqlite:///path/to/file.")
    return Path(path).absolute()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path.absolute()}"
