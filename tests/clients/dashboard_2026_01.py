"""The web dashboard of January 2026, which also asks its user what the extension may do."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from tests.clients import dashboard, extension_2026_08
from tests.clients.dashboard import GLOBAL, OWN, REFUSED, TEXT
from tests.clients.needs import ID, WORD, equal, matching
from tests.clients.wire import Part, Reads, Wire

ORIGIN, OTHER_ORIGIN = "http://localhost:3333", "http://127.0.0.1:3333"
FIRST = {"limit": dashboard.PER_PAGE, "offset": 0}
PARTS: list[tuple[str, Part]] = [
    ("file", ("disk.md", TEXT, "text/markdown")),
    ("document_type", "troubleshooting"),
    ("title", "Disk full"),
    ("tags", "disk, full store"),
]
GLOBAL_PARTS: list[tuple[str, Part]] = [*PARTS[:1], ("document_type", "how_to"), *PARTS[2:], ("category", "storage")]
ASKED = {
    "response_type": "code",
    "client_id": extension_2026_08.CLIENT,
    "redirect_uri": extension_2026_08.REDIRECT,
    "scope": "openid profile cases:read cases:write knowledge:read evidence:read",
    "state": "abc-2",
    "code_challenge": urlsafe_b64encode(sha256(b"v" * 43).digest()).rstrip(b"=").decode(),
    "code_challenge_method": "S256",
}
CONSENT: Reads = {
    **{name: equal(value) for name, value in ASKED.items() if name not in {"response_type", "scope"}},
    "scope": matching(r"(^| )cases:read( |$)", ["cases:read"]),  # one string, which the page splits
    "user.display_name": WORD,
    "user.email": WORD,
    "user.user_id": ID,
    "user.username": WORD,
}
NOT_SO: Reads = {"error": WORD, "error_description": WORD}


def replay(wire: Wire, *, user: str) -> None:
    """Documents of one's own and everybody's, then the page that asks for consent."""
    wire.origin = ORIGIN
    step = dashboard.signed_in(wire, user)
    dashboard.identified(wire, step, roles=True)
    dashboard.kept_shelf(wire, OWN, f"{OWN}/upload", FIRST, PARTS, many=2)
    dashboard.refused(wire, f"{OWN}/upload", PARTS)
    wire("write for everybody", f"POST {GLOBAL}", REFUSED, status=403, parts=GLOBAL_PARTS)
    wire.origin = OTHER_ORIGIN
    _consented(wire)
    dashboard.signed_out(wire, OWN)
    admin = dashboard.signed_in(wire, "admin", roles=("admin",), is_admin=True)
    dashboard.identified(wire, admin, roles=True)
    dashboard.kept_shelf(wire, GLOBAL, GLOBAL, FIRST, GLOBAL_PARTS, many=1)
    dashboard.signed_out(wire, GLOBAL)


def _consented(wire: Wire) -> None:
    """These calls send credentials, so that the answer must name the page's origin."""
    token = {"Authorization": wire.headers["Authorization"], "Content-Type": "application/json"}
    kept, wire.headers, wire.credentials = wire.headers, token, True
    route = "/api/v1/auth/oauth/authorize"
    wire("ask what to ask", f"GET {route}", CONSENT, query=ASKED)
    wire("ask for nobody", f"GET {route}", NOT_SO, status=400, query={**ASKED, "redirect_uri": "https://evil.example"})
    answer = {name: value for name, value in ASKED.items() if name != "response_type"}
    given: Reads = {"code": WORD, "state": equal(ASKED["state"])}
    wire("agree", f"POST {route}", given, body={**answer, "approved": True})
    wire("refuse", f"POST {route}", status=(200, 400, 403), body={**answer, "approved": False})
    unsigned = {"Authorization": "Bearer none"}
    wire("agree as nobody", f"POST {route}", NOT_SO, status=401, headers=unsigned, body={**answer, "approved": True})
    wire.headers, wire.credentials = kept, False
