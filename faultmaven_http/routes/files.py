from attrs import frozen
from starlette.responses import Response

from faultmaven_domain.kernel.errors import Forbidden

from ..files import ANY_BYTES, file_response
from ..limits import Group
from ..operation import Bytes, Call, Operation


@frozen(kw_only=True)
class Signature:
    """``expires`` in seconds since 1970."""

    expires: int
    signature: str


async def get_file(call: Call, *, key: str, query: Signature) -> Response:
    """A file at an address this server signed; whoever has the address has the file, until it expires."""
    if not call.fm.signer.verify(key, query.expires, query.signature):
        raise Forbidden("The address is not valid, or no longer.")
    return await file_response(
        call.fm.files.stream(key),
        downloads=call.request.app.state.downloads,
        whose=f"address:{call.addresses.caller(call.request)}",
        filename=key.rsplit("/", 1)[-1],
        media_type=ANY_BYTES,
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/files/{key:path}",
        handler=get_file,
        answers={200: Bytes("application/octet-stream")},
        group=Group.READS,
        errors=(403,),
    ),
)
