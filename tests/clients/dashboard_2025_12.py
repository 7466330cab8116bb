"""The web dashboard of December 2025, once its storage works."""

from tests.clients import dashboard
from tests.clients.dashboard import GLOBAL, OWN, REFUSED, TEXT
from tests.clients.wire import Part, Wire

#: Where it is served: in a container, by its development server, as a preview.
ORIGINS = [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 5173, 4173)]
FIRST = {"limit": dashboard.PER_PAGE}
PARTS: list[tuple[str, Part]] = [
    ("file", ("disk.md", TEXT, "text/markdown")),
    ("title", "Disk full"),
    ("document_type", "guide"),
    ("tags", "disk, full store"),
    ("description", "What to do when a disk is full."),
]
GLOBAL_PARTS: list[tuple[str, Part]] = [
    ("file", ("disk.md", TEXT, "text/markdown")),
    ("title", "Disk full"),
    ("document_type", "playbook"),
    ("category", "storage"),
    ("tags", "disk, full store"),
    ("source_url", "https://wiki.example.org/disk"),
    ("description", "What everybody does when a disk is full."),
]


def replay(wire: Wire, *, user: str) -> None:
    """Two pages of one's own documents, then everybody's as an admin, from sign-in to sign-out."""
    wire.origin = ORIGINS[0]
    step = dashboard.signed_in(wire, user)
    dashboard.identified(wire, step, roles=False)
    dashboard.kept_shelf(wire, OWN, f"{OWN}/upload", FIRST, PARTS, many=dashboard.PER_PAGE + 1)
    for origin in ORIGINS[1:]:
        wire.origin = origin
        dashboard.listed(wire, OWN, FIRST, dashboard.LISTED)
    dashboard.refused(wire, f"{OWN}/upload", PARTS)
    wire.headers["X-User-Roles"] = "user,admin"  # which is not so
    wire("write for everybody", f"POST {GLOBAL}", REFUSED, status=403, parts=GLOBAL_PARTS)
    dashboard.signed_out(wire, OWN)
    admin = dashboard.signed_in(wire, "admin", roles=("admin",), is_admin=True)
    dashboard.identified(wire, admin, roles=True)
    dashboard.kept_shelf(wire, GLOBAL, GLOBAL, FIRST, GLOBAL_PARTS, many=1)
    dashboard.refused(wire, GLOBAL, GLOBAL_PARTS)
    dashboard.signed_out(wire, GLOBAL)
