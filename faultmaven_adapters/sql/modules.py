"""The modules that keep data in SQL: their tables and their units of work."""

from collections.abc import Callable
from typing import Any

from attrs import frozen
from sqlalchemy import MetaData

from . import agent, auth, case, evidence, knowledge
from .gateway import Connection


@frozen
class SqlModule:
    metadata: MetaData
    unit: Callable[[Connection], Any]


MODULES: dict[str, SqlModule] = {
    "auth": SqlModule(auth.metadata, auth.auth_unit),
    "case": SqlModule(case.metadata, case.case_unit),
    "evidence": SqlModule(evidence.metadata, evidence.evidence_unit),
    "knowledge": SqlModule(knowledge.metadata, knowledge.knowledge_unit),
    "agent": SqlModule(agent.metadata, agent.agent_unit),
}
