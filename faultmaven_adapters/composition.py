"""Adapters in, wired services out. The only file that knows punq; a port without an adapter stops the start here."""

from collections.abc import Callable, Mapping
from typing import Any

import punq
from attrs import frozen

from faultmaven_domain.agent import (
    AgentService,
    AgentTransactions,
    Budget,
    Executor,
    Models,
    Optimizer,
    Providers,
    Router,
    Spending,
    TurnEvents,
)
from faultmaven_domain.agent import Cases as AgentCases
from faultmaven_domain.agent import Evidence as AgentEvidence
from faultmaven_domain.agent import Knowledge as AgentKnowledge
from faultmaven_domain.auth import AuthService, AuthTransactions, IdentityProvider, PasswordHasher
from faultmaven_domain.case import CaseService, CaseTransactions, Users
from faultmaven_domain.evidence import Cases as EvidenceCases
from faultmaven_domain.evidence import EvidenceService, EvidenceTransactions
from faultmaven_domain.kernel.backlog import Backlog
from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.errors import Misconfigured
from faultmaven_domain.kernel.extraction import Offload, PromptOffload, TextExtractor
from faultmaven_domain.kernel.files import FileProvider
from faultmaven_domain.kernel.idempotency import ReplyStore
from faultmaven_domain.kernel.ids import IdSource
from faultmaven_domain.kernel.job_relay import JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import JobQueue, ResultStore
from faultmaven_domain.kernel.limits import RateLimiter
from faultmaven_domain.knowledge import (
    EmbeddingModel,
    KnowledgeService,
    KnowledgeTransactions,
    VectorProvider,
)
from faultmaven_domain.session import SessionService, SessionStore

#: Everything an adapter must be given for.
PORTS: tuple[type, ...] = (
    AuthTransactions,
    CaseTransactions,
    EvidenceTransactions,
    KnowledgeTransactions,
    AgentTransactions,
    IdentityProvider,
    PasswordHasher,
    SessionStore,
    FileProvider,
    TextExtractor,
    Offload,
    PromptOffload,
    EmbeddingModel,
    VectorProvider,
    Providers,
    Models,
    Budget,
    Cache,
    ResultStore,
    TurnEvents,
    JobQueue,
    RateLimiter,
    ReplyStore,
    JobBooks,
    Backlog,
    Clock,
    IdSource,
)


@frozen
class Room:
    """A module's service, and the ports of other rooms it answers."""

    service: type
    answers: tuple[type, ...] = ()


#: In the order they are wired: each room's callers come after it.
ROOMS: dict[str, Room] = {
    "auth": Room(AuthService, (Users,)),
    "session": Room(SessionService),
    "case": Room(CaseService, (EvidenceCases, AgentCases)),
    "evidence": Room(EvidenceService, (AgentEvidence,)),
    "knowledge": Room(KnowledgeService, (AgentKnowledge,)),
    "agent": Room(AgentService),
}
#: What stands between the agent and its models, one of each in a process.
ENGINE = (Router, Optimizer, Spending, Executor)
Services = dict[type, Any]


def compose(
    adapters: Mapping[type, object], *, remote: Mapping[str, Callable[[type], object]] | None = None
) -> Services:
    """Every use-case service, wired; a module named in ``remote`` is reached through what that makes of its service.

    Raises: Misconfigured naming the port nobody gave an adapter for.
    """
    container = punq.Container()
    for port in PORTS:
        if port not in adapters:
            raise Misconfigured(f"No adapter was given for {port.__module__}.{port.__name__}.")
        container.register(port, instance=adapters[port])
    for part in ENGINE:
        container.register(part, scope=punq.Scope.singleton)
    services: Services = {}
    for module, room in ROOMS.items():
        away = (remote or {}).get(module)
        if away is None:
            container.register(room.service, scope=punq.Scope.singleton)
            service: Any = container.resolve(room.service)
        else:
            service = away(room.service)
            container.register(room.service, instance=service)
        for port in room.answers:
            container.register(port, instance=service)
        services[room.service] = service
    for worker in (JobService, JobRunner, JobRelay):
        container.register(worker, scope=punq.Scope.singleton)
        services[worker] = container.resolve(worker)
    return services
