"""The routes of each module, served alike under every prefix."""

from . import (
    agent,
    agent_events,
    agent_socket,
    agent_usage,
    auth,
    case,
    evidence,
    files,
    jobs,
    knowledge,
    meta,
    session,
)

MODULES = (meta, auth, session, case, agent, agent_events, agent_usage, knowledge, evidence, jobs, files)

__all__ = ["MODULES", "agent_socket", "meta"]
