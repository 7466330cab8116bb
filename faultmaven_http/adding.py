"""An upload's way into a case: checked while nothing is stored yet, then stored, then evidence."""

from collections.abc import Iterable

from faultmaven_domain.evidence import Evidence, EvidenceType, checked_filename
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput
from faultmaven_domain.kernel.principal import Principal

from .files import media_type_of, stored
from .operation import Call
from .wire import Upload

PREFIX = "evidence/"


def check(uploads: Iterable[Upload], *, field: str) -> tuple[str, ...]:
    """Refuse what can be refused unread; gives the names. Raises: InvalidInput or UnsupportedFile, naming the file."""
    names = []
    for upload in uploads:
        names.append(checked_filename(upload.filename, field=field))
        if not upload.file.size:
            raise InvalidInput(f"The file {names[-1]} is empty.", field=field, filename=names[-1])
    return tuple(names)


async def added(
    call: Call,
    *,
    principal: Principal,
    case_id: str,
    upload: Upload,
    nth: int = 0,
    evidence_type: EvidenceType | None = None,
    description: str = "",
    metadata: dict[str, object],
) -> Evidence:
    """The ``nth`` file of a request as evidence of a case. A request that comes again finds what it added.

    Raises: as EvidenceService.add, StorageFull and Unavailable, naming the file in the details.
    """
    try:
        async with stored(call.fm, upload, prefix=PREFIX) as file:
            evidence = await call.fm.evidence.add(
                principal=principal,
                case_id=case_id,
                filename=upload.filename,
                stored=file,
                media_type=media_type_of(upload.media_type),
                evidence_type=evidence_type,
                description=description,
                evidence_id=call.id_for("ev", nth),
                metadata=metadata,
            )
    except FaultMavenError as error:
        error.details.setdefault("filename", upload.filename)
        raise
    if evidence.file_key != file.key:  # added before, with the file that came then
        await call.fm.files.delete(file.key)
    return evidence
