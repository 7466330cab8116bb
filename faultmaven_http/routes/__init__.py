"""The routes of each module, served alike under every prefix."""

from . import (
    agent,
    agent_events,
    agent_socket,
    agent_usage,
    auth,
    case,
    case_reports,
    case_ui,
    documents,
    evidence,
    files,
    jobs,
    knowledge,
    meta,
    oauth,
    oidc,
    session,
    turns,
    uploads,
)

MODULES = (
    meta,
    auth,
    oauth,
    oidc,
    session,
    case,
    case_ui,
    case_reports,
    agent,
    agent_events,
    agent_usage,
    knowledge,
    documents,
    evidence,
    turns,
    uploads,
    jobs,
    files,
)

__all__ = ["MODULES", "agent_socket", "meta"]
