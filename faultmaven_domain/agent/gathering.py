"""What is known about a question: what the case's files show, and the runbooks it and they call for."""

import asyncio
from collections.abc import Callable

from attrs import evolve, frozen

from ..case import Case
from ..evidence import CaseFindings
from ..kernel.principal import Principal
from ..knowledge import DocumentNotFound, SearchHit, Section
from . import context
from .executor import NOBODY, Listener
from .models import Source
from .ports import Evidence, Knowledge


@frozen
class Gathering:
    evidence: Evidence
    knowledge: Knowledge

    async def about(
        self,
        question: str,
        *,
        principal: Principal,
        case: Case,
        listener: Listener = NOBODY,
        but: Callable[[SearchHit], bool] = lambda _: False,
    ) -> tuple[CaseFindings, list[Source]]:
        """``but`` tells which documents are left out."""
        listener.stage("reading")
        found = await self.evidence.findings(principal=principal, case_id=case.case_id, query=question)
        listener.stage("searching")
        asked = context.questions(question, found)
        results = await asyncio.gather(
            *[self.knowledge.search(principal=principal, query=query, limit=5) for query in asked]
        )
        hits = context.fused([[hit for hit in result.hits if not but(hit)] for result in results], limit=3)
        runbooks = []
        for place, hit in enumerate(hits):
            sections = await self._sections(principal, hit) if place == 0 else ()
            runbooks.append(context.Runbook(hit=hit, sections=sections))
        found = await self._with_config(principal, case, found, runbooks)
        return found, [*context.evidence_sources(found), *context.runbook_sources(runbooks, asked)]

    async def _with_config(
        self, principal: Principal, case: Case, found: CaseFindings, runbooks: list[context.Runbook]
    ) -> CaseFindings:
        """And what the causes the best runbook names find in the configs: the question rarely has their words."""
        causes = context.causes(runbooks)
        if not causes or not found.suspects:
            return found
        more = await self.evidence.passages(principal=principal, case_id=case.case_id, query=causes, limit=2)
        known = {(f.evidence_id, f.lines) for f in found.findings}
        return evolve(found, findings=(*found.findings, *[f for f in more if (f.evidence_id, f.lines) not in known]))

    async def _sections(self, principal: Principal, hit: SearchHit) -> tuple[Section, ...]:
        """None of a document that was deleted since it was found."""
        try:
            return await self.knowledge.sections(principal=principal, document_id=hit.document_id)
        except DocumentNotFound:
            return ()
