"""What the browser extension of December 2025 reads of each answer, and what it needs that to be."""

from tests.clients.material import RUNBOOK_TITLE
from tests.clients.needs import (
    ARRAY,
    FLAG,
    ID,
    LEFT_OUT,
    MILLISECONDS,
    MOMENT,
    NUMBER,
    OBJECT,
    SECONDS,
    SOME_WORDS,
    TEXT,
    WORD,
    WORDS,
    Need,
    equal,
    if_there,
    number_from,
    one_of,
    or_null,
    saying,
    without,
)
from tests.clients.wire import Reads

CLIENT_ID = "6f1f0d0a-5a3e-4f0a-9a3e-0a1b2c3d4e5f"
STATUS = one_of("consulting", "investigating", "resolved", "closed")

SIGNED_IN: Reads = {
    "access_token": WORD,
    "expires_at": MILLISECONDS,  # seconds would read as lapsed long ago
    "expires_in": SECONDS,
    "token_type": equal("bearer"),
    "user.user_id": ID,
    "user.username": WORD,
    "user.email": WORD,
    "user.display_name": WORD,
    "user.is_dev_user": FLAG,
    "user.is_active": equal(True),
    "user.roles": SOME_WORDS,
}
SESSION: Reads = {
    "session_id": ID,
    "client_id": equal(CLIENT_ID),
    "message": WORD,
    "status": equal("active"),
    "created_at": MOMENT,
    "last_activity": MOMENT,
    "user_id": or_null(WORD),
    "metadata": OBJECT,
}
CASE: Reads = {
    "case_id": ID,
    "status": STATUS,
    "owner_id": ID,
    "title": WORD,
    "created_at": MOMENT,
    "updated_at": MOMENT,
}
LISTED: Reads = {
    "cases[].case_id": ID,
    "cases[].title": WORD,
    "cases[].updated_at": MOMENT,
    "cases[].created_at": MOMENT,
    "cases[].message_count": NUMBER,
    "cases[].status": STATUS,
    "cases[].owner_id": ID,
}
#: What of an answer it needs, in both of the shapes it knows.
TURN: Reads = {
    "content": WORD,
    "response_type": WORD,
    "session_id": WORD,
    "agent_response": WORD,
    "turn_number": number_from(1),
    "case_status": STATUS,
    "progress_made": FLAG,
    "milestones_completed": WORDS,
    "is_stuck": FLAG,
    "sources": ARRAY,
    "suggested_actions": ARRAY,
    # what it shows where an answer has it
    "confidence_score": if_there(NUMBER),
    "evidence_requests": if_there(ARRAY),
    "investigation_mode": if_there(WORD),
    "clarifying_questions": if_there(WORDS),
    "suggested_commands": if_there(ARRAY),
    "suggested_commands[].command": if_there(WORD),
    "suggested_commands[].description": if_there(WORD),
    "suggested_commands[].why": if_there(TEXT),
    "suggested_commands[].safety": if_there(WORD),
    "command_validation": if_there(OBJECT),
    "problem_detected": if_there(FLAG),
    "problem_summary": if_there(WORD),
    "severity": if_there(WORD),
    "scope_assessment": if_there(OBJECT),
    "plan": if_there(ARRAY),
    "next_action_hint": if_there(TEXT),
    "view_state.investigation_progress": if_there(OBJECT),
    "view_state.uploaded_data": if_there(ARRAY),
    "view_state.active_case.case_id": if_there(ID),
    "view_state.active_case.status": if_there(STATUS),
    "metadata.case_title": if_there(WORD),
}
FROM_A_RUNBOOK: Reads = {
    "sources[type=knowledge_base].content": WORD,
    "sources[type=knowledge_base].metadata.title": WORD,
    "sources[type=knowledge_base].metadata.document_id": ID,
}
FROM_A_LOG: Reads = {"sources[type=log_file].content": WORD, "sources[type=log_file].metadata.title": WORD}
UPLOADED: Reads = {
    "data_id": ID,
    "data_type": WORD,
    "classification.compression_ratio": NUMBER,
    "file_name": equal("store.log"),
    "file_size": number_from(1),
    "uploaded_at": MOMENT,
    "processing_status": WORD,
    "insights": or_null(WORD),
    "agent_response.content": WORD,
    "agent_response.response_type": WORD,
    "agent_response.sources": ARRAY,
    "agent_response.evidence_requests": if_there(ARRAY),
    "agent_response.suggested_actions": ARRAY,
}


def header(status: str, **more: Need) -> Reads:
    return {"title": WORD, "status": equal(status), "updated_at": MOMENT, **more}


CONSULTING: Reads = {
    **header("consulting"),
    "current_turn": number_from(1),
    "uploaded_files_count": number_from(0),
    "consulting.proposed_problem_statement": WORD,
    "consulting.problem_statement_confirmed": FLAG,
    "consulting.problem_confirmation.severity_guess": WORD,
}
INVESTIGATING: Reads = {
    **header("investigating"),
    "progress.current_stage": WORD,
    "progress.milestones_completed": number_from(1),
    "progress.total_milestones": equal(8),
    "investigation_strategy.approach": WORD,
    "problem_verification.temporal_state": or_null(OBJECT),
    "problem_verification.severity": WORD,
    "problem_verification.user_impact": or_null(WORD),
    "problem_verification.impact": or_null(OBJECT),
    "working_conclusion.summary": WORD,
    "working_conclusion.confidence": NUMBER,
    "working_conclusion.last_updated": MOMENT,
    "latest_evidence[].evidence_id": ID,
    "latest_evidence[].summary": WORD,
    "active_hypotheses": ARRAY,
}
RESOLVED: Reads = {
    **header("resolved"),
    "resolution_summary.evidence_collected": number_from(1),  # read even where the header is collapsed
    "resolution_summary.total_duration_minutes": number_from(0),
    "resolution_summary.milestones_completed": number_from(1),
    "root_cause.description": WORD,
    "root_cause.category": WORD,
    "root_cause.severity": WORD,
    "solution_applied.description": WORD,
    "solution_applied.applied_at": MOMENT,
    "verification_status.verified": FLAG,
    "created_at": MOMENT,
    "resolved_at": MOMENT,
    "reports_available": ARRAY,
}
MESSAGES: Reads = {
    "messages[].message_id": ID,
    "messages[].role": one_of("user", "agent", "assistant"),
    "messages[].content": TEXT,
    "messages[].created_at": MOMENT,
    "messages[].turn_number": number_from(1),
    "total_count": number_from(2),
    "retrieved_count": number_from(2),
    "has_more": equal(False),
}
FILES: Reads = {
    "files[].file_id": ID,
    "files[].filename": equal("store.log"),
    "files[].size_bytes": number_from(1),
    "files[].uploaded_at_turn": number_from(0),
    "files[].summary": if_there(TEXT),
    "files[].evidence_count": if_there(NUMBER),
}
FILE: Reads = {
    "filename": equal("store.log"),
    "uploaded_at_turn": number_from(0),
    "summary": WORD,
    "derived_evidence": ARRAY,
}
DOCUMENT: Reads = {
    "title": equal(RUNBOOK_TITLE),
    "document_type": WORD,
    "category": WORD,
    "created_at": MOMENT,
    "description": WORD,
    "tags": SOME_WORDS,
    "content": saying("## Fix"),
}
RECOMMENDED: Reads = {
    "available_for_generation": SOME_WORDS,
    "runbook_recommendation.action": WORD,
    "runbook_recommendation.similarity_score": or_null(NUMBER),
    "runbook_recommendation.reason": WORD,
    "runbook_recommendation.existing_runbook": or_null(OBJECT),
}
REPORTS: Reads = {
    "reports[].report_id": ID,
    "reports[].title": WORD,
    "reports[].report_type": one_of("incident_report", "runbook", "post_mortem"),
}
#: A 401 with these words would have it renew its session instead of signing in.
SIGNED_OUT: Reads = {"detail": without("session expired", "session not found"), "code": LEFT_OUT}
GONE: Reads = {"detail": saying("Case not found")}
