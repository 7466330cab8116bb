"""What the browser extension of August 2026 reads of each answer, and what it needs that to be."""

from tests.clients.needs import (
    ARRAY,
    DETAIL,
    FLAG,
    ID,
    MILLISECONDS,
    MOMENT,
    OBJECT,
    SECONDS,
    SOME_WORDS,
    TEXT,
    WORD,
    WORDS,
    equal,
    if_there,
    matching,
    number_from,
    one_of,
    or_null,
    saying,
    seconds_from,
    without,
)
from tests.clients.wire import Reads

STATE = one_of("inquiry", "investigating", "resolved", "closed")
#: The same in the words of December, which one reply holds beside its own.
STATUS = one_of("consulting", "investigating", "resolved", "closed")

#: It is shown, and no more; "enterprise" is what December's extension knows it by.
CAPABILITIES: Reads = {"deploymentMode": one_of("self-hosted", "cloud", "enterprise")}
#: Of a token with less than 300 seconds to go it asks for the next one at every request.
TOKENS: Reads = {"access_token": WORD, "refresh_token": WORD, "expires_in": seconds_from(300)}
SIGNED_IN: Reads = {
    **TOKENS,
    "expires_at": MILLISECONDS,
    "token_type": equal("bearer"),
    "refresh_expires_in": SECONDS,
    "session_id": or_null(WORD),
    "user.user_id": ID,
    "user.username": WORD,
    "user.email": WORD,
    "user.display_name": WORD,
    "user.created_at": MOMENT,
    "user.is_dev_user": FLAG,
    "user.is_active": FLAG,
    "user.roles": SOME_WORDS,
}
FLAT: Reads = {**TOKENS, "user_id": ID, "username": WORD}
ME: Reads = {"user_id": ID, "roles": SOME_WORDS, "organization.name": if_there(WORD)}
SESSION: Reads = {"session_id": ID, "session_resumed": FLAG}
CASE: Reads = {
    "case_id": ID,
    "title": WORD,
    "state": STATE,
    "status": STATUS,
    "priority": one_of("low", "medium", "high", "critical"),
    "user_id": ID,
    "owner_id": ID,
    "organization_id": or_null(WORD),
    "current_turn": number_from(0),
    "message_count": number_from(0),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "closure_reason": or_null(WORD),
    "closed_at": or_null(MOMENT),
}
LISTED: Reads = {f"cases[].{name}": need for name, need in CASE.items()}
TURN: Reads = {
    "agent_response": WORD,
    "turn_number": number_from(1),
    "case_state": STATE,
    "case_status": STATUS,
    "milestones_completed": WORDS,
    "progress_made": FLAG,
    "suggested_actions": ARRAY,
    "attachments_processed": ARRAY,
}
ACTIONS: Reads = {
    "suggested_actions[].type": one_of("DECIDE", "RUN", "EVIDENCE", "FREE_SPEECH"),
    "suggested_actions[].label": WORD,
    "suggested_actions[].payload": WORD,
    "suggested_actions[].body": TEXT,
    "suggested_actions[].hints": WORDS,
    "suggested_actions[].evidence_need_id": if_there(WORD),
    "suggested_actions[type=DECIDE].intent.type": one_of("status_transition", "confirmation"),
}
ATTACHED: Reads = {
    "attachments_processed[].filename": WORD,
    "attachments_processed[].file_size": number_from(1),
    "attachments_processed[].processing_status": WORD,
    "attachments_processed[].source_type": WORD,
    "attachments_processed[].evidence_id": ID,
    "attachments_processed[].file_id": ID,
}
MESSAGES: Reads = {
    "messages[].message_id": ID,
    "messages[].role": one_of("user", "assistant"),  # anything else shows as a notice
    "messages[].content": TEXT,
    "messages[].created_at": MOMENT,
    "messages[].turn_number": number_from(1),
}
HEADER: Reads = {
    "title": WORD,
    "current_turn": number_from(1),
    "updated_at": MOMENT,
    "uploaded_files_count": number_from(0),
    "valid_next_states": WORDS,
    "disposition_eligibility.resolved": WORD,
    "disposition_eligibility.closed": WORD,
}
INQUIRY: Reads = {
    **HEADER,
    "state": equal("inquiry"),
    "inquiry.proposed_problem_statement": WORD,
    "inquiry.problem_statement_confirmed": FLAG,
}
INVESTIGATING: Reads = {
    **HEADER,
    "state": equal("investigating"),
    "progress.current_stage": WORD,
    "progress.completed_indicators": SOME_WORDS,
    "progress.total_evidence": number_from(1),
    "active_hypotheses": ARRAY,
    "working_conclusion": OBJECT,
    "problem_statement": WORD,
    "progress_transparency": or_null(OBJECT),
}
ENDED: Reads = {**HEADER, "closure_reason": WORD, "reports_available": ARRAY, "resolution_summary": OBJECT}
RESOLVED: Reads = {
    **ENDED,
    "state": equal("resolved"),
    "root_cause.description": WORD,
    "root_cause.cause_assurance": WORD,
    "root_cause.cause_overclaim": FLAG,
    "solution_applied": OBJECT,
}
CLOSED: Reads = {**ENDED, "state": equal("closed"), "root_cause": or_null(OBJECT), "solution_applied": or_null(OBJECT)}
#: A 401 with these words would have it renew its session, and a refresh that says so signs it out.
SIGNED_OUT: Reads = {"detail": without("session expired", "session not found")}
GONE: Reads = {"detail": saying("Case not found")}
OAUTH_ERROR: Reads = {"error": WORD, "error_description": WORD, "detail": DETAIL}
REUSED: Reads = {"detail": DETAIL, "header:x-error-code": equal("IDEMPOTENCY_KEY_REUSED")}
CONFLICT: Reads = {
    "detail": DETAIL,
    "header:x-error-code": equal("CASE_VERSION_CONFLICT"),
    "header:x-expected-version": matching(r"^\d+$"),
    "header:x-actual-version": matching(r"^\d+$"),
}
