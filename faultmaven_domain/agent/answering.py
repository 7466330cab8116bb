"""A turn's answer: the case's own where the user's word decides something, else what is known, told by a model."""

from collections.abc import Sequence

from attrs import frozen

from ..case import CaseMessage, Overview, TurnProgress
from ..evidence import CaseFindings, EvidenceStatus
from ..kernel.clock import Clock
from ..kernel.principal import Principal
from . import context
from .citations import hold_to
from .compression import fitted
from .executor import Executor, Listener
from .gathering import Gathering
from .models import Answer, ChatResponse, ModelCall, Source, Task, Turn
from .observing import observed
from .ports import Cases
from .router import Models
from .tokens import tokens_of

HISTORY = 12
#: Who answers a turn that decides something: the case itself, and no model.
CASE = "case"
_ENDINGS = {
    "length": "The answer was cut at the token limit.",
    "filtered": "The model's vendor held part of the answer back.",
    "refused": "The model declined to answer this.",
}


@frozen
class Answering:
    cases: Cases
    gathering: Gathering
    executor: Executor
    models: Models
    clock: Clock

    async def answer(self, turn: Turn, *, overview: Overview, question: CaseMessage, listener: Listener) -> Answer:
        """``question`` is the turn's message as the case recorded it; ``overview`` the case as it was before.

        Raises: CaseNotFound; LLMError; LLMRefused.
        """
        decision = await self.cases.decide(
            principal=Principal(user_id=turn.user_id),
            case_id=turn.case_id,
            turn_number=question.turn_number,
            message=turn.message,
            intent=turn.intent,
        )
        if decision.reply is None:
            return await self._found_out(turn, overview, question, listener)
        listener.piece(decision.reply)
        return self._decided(turn, question, decision.reply, decision.progress)

    async def _found_out(self, turn: Turn, overview: Overview, question: CaseMessage, listener: Listener) -> Answer:
        """What the files, the runbooks and a model say; the case is told what of it is fact."""
        principal, case = Principal(user_id=turn.user_id), overview.case
        found, known = await self.gathering.about(turn.message, principal=principal, case=case, listener=listener)
        history = await self._history(principal, overview, question)
        call, left_out = self._call(turn, overview, found, known, history)
        listener.stage("asking")
        response = await self.executor.run(call, listener)
        sources = {source.number: source for source in call.messages[-1].sources}
        content, citations = hold_to(call.messages[-1].sources, response.content)
        facts = observed(
            turn_number=question.turn_number,
            question=turn.message,
            found=found,
            sources=known,
            cited=[sources[citation.number] for citation in citations],
        )
        progress = await self.cases.observe(principal=principal, case_id=turn.case_id, observed=facts)
        return Answer(
            message_id=f"msg_{turn.job_id}_a",
            case_id=turn.case_id,
            content=content,
            created_at=self.clock.now(),
            turn_number=question.turn_number,
            citations=citations,
            model=response.model,
            provider=response.provider,
            stop_reason=response.stop_reason,
            input_tokens=response.input_tokens,
            output_tokens=response.output_tokens,
            cost=response.cost,
            cached=response.cached,
            notes=_notes(found, response, left_out),
            progress=progress,
        )

    def _decided(self, turn: Turn, question: CaseMessage, reply: str, progress: TurnProgress | None) -> Answer:
        """The case's own words: they cite nothing and cost nothing."""
        return Answer(
            message_id=f"msg_{turn.job_id}_a",
            case_id=turn.case_id,
            content=reply,
            created_at=self.clock.now(),
            turn_number=question.turn_number,
            citations=(),
            model=CASE,
            provider=CASE,
            input_tokens=0,
            output_tokens=0,
            cost=0,
            progress=progress,
        )

    async def _history(
        self, principal: Principal, overview: Overview, question: CaseMessage
    ) -> tuple[CaseMessage, ...]:
        case = overview.case
        offset = max(0, case.message_count - HISTORY)
        page = await self.cases.messages(principal=principal, case_id=case.case_id, limit=HISTORY + 2, offset=offset)
        return tuple(m for m in page.items if m.turn_number < question.turn_number)

    def _call(
        self,
        turn: Turn,
        overview: Overview,
        found: CaseFindings,
        known: Sequence[Source],
        history: Sequence[CaseMessage],
    ) -> tuple[ModelCall, tuple[str, ...]]:
        """What a model is asked, and what had to be left out of it."""
        case, state = overview.case, context.state_of(overview.case, overview.investigation)
        kept = fitted(turn.message, known, history, budget=self.models.prompt_tokens - tokens_of(state))
        messages = context.messages_for(
            Task.TURN,
            case=case,
            question=kept.question,
            found=found,
            sources=context.numbered(kept.sources),
            history=kept.history,
            left_out=kept.left_out,
            state=state,
        )
        call = ModelCall(
            task=Task.TURN, messages=messages, job_id=turn.job_id, case_id=case.case_id, user_id=case.owner_id
        )
        return call, kept.left_out


def _notes(found: CaseFindings, response: ChatResponse, left_out: tuple[str, ...]) -> tuple[str, ...]:
    reading = [f.evidence.filename for f in found.files if f.evidence.status is EvidenceStatus.PROCESSING]
    notes = [f"Still being read and not part of this answer: {', '.join(reading)}."] if reading else []
    notes += [
        f"{f.evidence.filename} could not be read: {' '.join(f.evidence.notes)}"
        for f in found.files
        if f.evidence.status is EvidenceStatus.UNREADABLE
    ]
    if left_out:
        notes.append(f"Left out to keep the question within the model's token budget: {', '.join(left_out)}.")
    if response.stop_reason in _ENDINGS:
        notes.append(_ENDINGS[response.stop_reason])
    return tuple(notes)
