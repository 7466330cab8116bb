"""The routes of each module, served alike under every prefix."""

from . import agent, auth, case, evidence, files, jobs, knowledge, meta, session

MODULES = (meta, auth, session, case, agent, knowledge, evidence, jobs, files)

__all__ = ["MODULES", "meta"]
