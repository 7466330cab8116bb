"""The knowledge base under its other addresses: the caller's own documents, and apart from them those that all see.

A document is found at the addresses of its own kind alone. Who may change those that all see is told by the token.
"""

from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire.knowledge import AddedOut, DocumentListOut, DocumentTextOut
from .knowledge import DocumentUpload, SomeDocuments, listed, upload

OWN, ALL = "/documents", "/admin/kb/documents"


async def list_own(call: Call, *, principal: Principal, query: SomeDocuments) -> Reply:
    """The caller's own documents, newest first."""
    return await listed(call, principal, query, scope="own")


async def upload_own(call: Call, *, principal: Principal, body: DocumentUpload) -> Reply:
    """Add a file to the caller's own documents. It is listed at once and found soon after."""
    return await upload(call, principal, body, at=OWN)


async def get_own(call: Call, *, principal: Principal, document_id: str) -> Reply:
    """A document of the caller's own and its text."""
    return Reply(value=await call.fm.knowledge.get(principal=principal, document_id=document_id, scope="own"))


async def delete_own(call: Call, *, principal: Principal, document_id: str) -> Reply:
    """Delete a document of the caller's own; no search finds it from now on."""
    await call.fm.knowledge.delete(principal=principal, document_id=document_id, scope="own")
    return Reply(status=204)


async def list_global(call: Call, *, principal: Principal, query: SomeDocuments) -> Reply:
    """The documents all users see, newest first."""
    return await listed(call, principal, query, scope="global")


async def upload_global(call: Call, *, principal: Principal, body: DocumentUpload) -> Reply:
    """Add a file to the documents all users see, as an admin. It is listed at once and found soon after."""
    principal.require_admin()
    return await upload(call, principal, body, at=ALL, global_=True)


async def get_global(call: Call, *, principal: Principal, document_id: str) -> Reply:
    """A document all users see and its text."""
    return Reply(value=await call.fm.knowledge.get(principal=principal, document_id=document_id, scope="global"))


async def delete_global(call: Call, *, principal: Principal, document_id: str) -> Reply:
    """Delete a document all users see, as an admin; no search finds it from now on."""
    await call.fm.knowledge.delete(principal=principal, document_id=document_id, scope="global")
    return Reply(status=204)


OPERATIONS = (
    Operation(method="GET", path=OWN, handler=list_own, answers={200: DocumentListOut}, group=Group.READS),
    Operation(
        method="POST",
        path=f"{OWN}/upload",
        handler=upload_own,
        answers={202: AddedOut},
        group=Group.UPLOADS,
        errors=(507,),
        creates=True,
    ),
    Operation(
        method="GET", path=f"{OWN}/{{document_id}}", handler=get_own, answers={200: DocumentTextOut}, group=Group.READS
    ),
    Operation(
        method="DELETE", path=f"{OWN}/{{document_id}}", handler=delete_own, answers={204: None}, group=Group.WRITES
    ),
    Operation(method="GET", path=ALL, handler=list_global, answers={200: DocumentListOut}, group=Group.READS),
    Operation(
        method="POST",
        path=ALL,
        handler=upload_global,
        answers={202: AddedOut},
        group=Group.UPLOADS,
        errors=(403, 507),
        creates=True,
    ),
    Operation(
        method="GET",
        path=f"{ALL}/{{document_id}}",
        handler=get_global,
        answers={200: DocumentTextOut},
        group=Group.READS,
    ),
    Operation(
        method="DELETE",
        path=f"{ALL}/{{document_id}}",
        handler=delete_global,
        answers={204: None},
        group=Group.WRITES,
        errors=(403,),
    ),
)
