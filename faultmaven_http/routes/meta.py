"""How the server is and what it can: asked by probes and clients before anyone has signed in."""

from typing import Literal, TypedDict

from faultmaven_adapters.settings import Profile
from faultmaven_domain.evidence import ALLOWED_EXTENSIONS
from faultmaven_domain.kernel.errors import Unavailable

from ..elsewhere import has_page
from ..health import Probe, Word
from ..operation import Call, Operation, Reply
from ..pages import LOGIN
from ..version import installed_version
from ..wire import Time, utc


class HealthOut(TypedDict):
    """``degraded``: a dependency is down and every module still answers. ``unhealthy``: a module cannot answer."""

    status: Word
    version: str
    services: dict[str, Word]
    dependencies: dict[str, Literal["healthy", "unhealthy"]]
    timestamp: Time


class ProbeOut(TypedDict):
    status: Literal["alive", "ready"]


class FeaturesOut(TypedDict):
    chat: bool
    knowledgeBase: bool
    cases: bool
    organizations: bool
    teams: bool
    sso: bool
    extensionKB: bool
    adminKB: bool
    teamWorkspaces: bool
    caseHistory: bool


class AuthOut(TypedDict):
    """``loginUrl`` is the page to sign in on."""

    type: Literal["local", "oauth"]
    loginUrl: str


class LimitsOut(TypedDict):
    """``maxDocuments`` is null where there is no maximum."""

    maxFileBytes: int
    allowedExtensions: list[str]
    maxDocuments: None


class CapabilitiesOut(TypedDict):
    """``dashboardUrl`` is where ``/login`` and ``/auth/authorize`` are: this server itself, unless another is set."""

    deploymentMode: Literal["self-hosted", "enterprise"]
    version: str
    kbManagement: Literal["dashboard"]
    features: FeaturesOut
    auth: AuthOut
    dashboardUrl: str
    limits: LimitsOut


async def health(call: Call) -> Reply:
    """How every module and every dependency is; 200 as long as anything answers."""
    health = await _probe(call).health()
    out = HealthOut(
        status=health.whole(),
        version=installed_version(),
        services={module: health.of(module) for module in health.modules},
        dependencies={name: "unhealthy" if name in health.down else "healthy" for name in health.dependencies},
        timestamp=utc(call.fm.clock.now()),
    )
    return Reply(value=out)


async def live(call: Call) -> Reply:
    """Whether the process answers at all."""
    return Reply(value=ProbeOut(status="alive"))


async def ready(call: Call) -> Reply:
    """Whether requests may be sent here: 503 while a required dependency is down."""
    missing = sorted((await _probe(call).health()).missing())
    if missing:
        raise Unavailable(f"Not ready: {', '.join(missing)} does not answer.", dependencies=missing)
    return Reply(value=ProbeOut(status="ready"))


async def capabilities(call: Call) -> Reply:
    """What this server can, for a client to adapt itself to."""
    settings = call.fm.settings
    dashboard = (settings.dashboard_url or call.addresses.base(call.request)).rstrip("/")
    out = CapabilitiesOut(
        deploymentMode="enterprise" if settings.profile is Profile.ENTERPRISE else "self-hosted",
        version=installed_version(),
        kbManagement="dashboard",
        features=FeaturesOut(
            chat=True,
            knowledgeBase=True,
            cases=True,
            organizations=False,
            teams=False,
            sso=has_page(call),
            extensionKB=True,
            adminKB=True,
            teamWorkspaces=False,
            caseHistory=True,
        ),
        auth=AuthOut(type=settings.auth_mode.value, loginUrl=dashboard + LOGIN),
        dashboardUrl=dashboard,
        limits=LimitsOut(
            maxFileBytes=settings.max_upload_bytes, allowedExtensions=list(ALLOWED_EXTENSIONS), maxDocuments=None
        ),
    )
    return Reply(value=out)


def _probe(call: Call) -> Probe:
    probe: Probe = call.request.app.state.probe
    return probe


#: At the root, under no prefix.
ROOT_OPERATIONS = (
    Operation(method="GET", path="/health", handler=health, answers={200: HealthOut}, always=True),
    Operation(method="GET", path="/health/live", handler=live, answers={200: ProbeOut}, always=True),
    Operation(method="GET", path="/health/ready", handler=ready, answers={200: ProbeOut}, always=True),
)
OPERATIONS = (Operation(method="GET", path="/meta/capabilities", handler=capabilities, answers={200: CapabilitiesOut}),)
