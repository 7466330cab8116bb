"""Request bodies: counted while they arrive, so that nothing larger than allowed is ever held."""

import asyncio
import errno
import re
import sys
import time
from collections.abc import Mapping, Set
from contextlib import aclosing
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, StorageFull, TooLarge, UnsupportedFile

from .forms import FormParser
from .load import Load
from .wire import parsed

#: What is read of someone who need not sign in.
LARGEST_OF_ANYONE = 128 * 1024
MULTIPART, URLENCODED = "multipart/form-data", "application/x-www-form-urlencoded"
#: What a form may hold beside its files.
FORM_FIELDS = 1024 * 1024
#: What a text of a form may hold that takes pasted ones too, and how many files may come with it.
LARGEST_TEXT, MOST_FILES = 10 * 1024 * 1024, 10
DRAINED_FOR = 10.0
#: How long nothing may come of a body that is not all there, in seconds; and how fast it must come in each while.
LONGEST_SILENCE = 30.0
AFTER, BYTES_PER_SECOND = 60.0, 4096
SMALL = 64 * 1024
#: What may follow the end of a form, in bytes.
LONGEST_END = 256
_BOUNDARY = re.compile(r";\s*boundary=(?:\"([^\"]+)\"|([^\s;,]+))", re.IGNORECASE)
#: What a form's texts may be in. Of all that Python decodes, some takes an hour for ten megabytes (punycode).
_CHARSET = re.compile(r";\s*charset=\"?(?:utf-?8|us-ascii|iso-8859-1)\"?\s*(?=;|$)", re.IGNORECASE)


#: For a body nobody else's is weighed against.
UNBOUNDED = Load(most_requests=sys.maxsize, most_bytes=sys.maxsize)


class SlowBody(FaultMavenError):
    """The body stopped coming, or came too slowly."""

    code = "REQUEST_TIMEOUT"


class Incoming:
    """A request's body as a ``receive`` that ends with TooLarge once more than ``limit`` bytes came.

    And with SlowBody once nothing came for ``silence`` seconds, or no more than a trickle: no caller holds what a
    request holds for as long as they like. What came counts as the process's ``load`` until it is closed.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        *,
        limit: int,
        load: Load = UNBOUNDED,
        silence: float = LONGEST_SILENCE,
        after: float = AFTER,
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._silence = silence
        self._size = 0
        self._after = after
        self._waited, self._came = 0.0, 0
        self._given_up = False
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        self._declared = int(declared[:20]) if declared.isdigit() else 0
        self._chunked = b"transfer-encoding" in headers
        self._expects = b"expect" in headers
        self._ended = not self._declared and not self._chunked
        self._mark, self._tail = b"", b""
        self._body = load.body(text=not _is_multipart(headers))
        self._form: FormData | None = None

    def expect(self, mark: bytes) -> None:
        """Refuse a body that does not end with this, give or take a line: it was cut short."""
        self._mark = mark

    async def __call__(self) -> Message:
        """Raises: TooLarge or Busy, before the first byte where the length was told; InvalidInput for what was cut
        short; SlowBody."""
        if self._declared > self._limit:
            raise self._too_large()
        if not self._size:
            self._body.expect(self._declared)
        message = await (self._receive() if self._ended else self._next())
        self._count(message)
        if self._size > self._limit:
            raise self._too_large()
        self._body.take(len(message.get("body", b"")))
        if self._mark and message["type"] == "http.request":
            self._tail = (self._tail + message.get("body", b""))[-(len(self._mark) + LONGEST_END) :]
            if self._ended and self._mark not in self._tail:
                raise InvalidInput("The form was cut short.")
        return message

    async def _next(self) -> Message:
        try:
            began = time.monotonic()
            async with asyncio.timeout(self._silence):
                message = await self._receive()
            self._waited += time.monotonic() - began
            self._came += len(message.get("body", b""))
            if self._waited > self._after and message.get("more_body", False):
                if self._came < self._waited * BYTES_PER_SECOND:
                    raise TimeoutError
                self._waited, self._came = 0.0, 0
        except TimeoutError as error:
            self._given_up = True
            raise SlowBody from error
        return message

    def is_of(self, whose: str) -> None:
        """Whose share of what all bodies may take it counts for."""
        self._body.whose = whose

    async def form(self, request: Request, *, most_files: int, most_fields: int, largest_text: int) -> FormData:
        """The body as a multipart form, whose files are there until this is closed. Raises: MultiPartException."""
        async with aclosing(request.stream()) as stream:
            parser = FormParser(
                request.headers,
                stream,
                most_files=most_files,
                most_fields=most_fields,
                largest_text=largest_text,
                text_came=self._body.was_text,
            )
            self._form = await parser.parse()
        return self._form

    async def close(self) -> None:
        """Nothing of the body is needed any more."""
        self._body.let_go()
        if self._form is not None:
            await self._form.close()

    async def drain(self) -> None:
        """Let the rest come and forget it, for a while: who is still sending reads no answer."""
        if self._ended or self._expects or self._given_up:
            return
        try:
            async with asyncio.timeout(DRAINED_FOR):
                while not self._ended and self._size <= 2 * self._limit:
                    self._count(await self._receive())
        except TimeoutError:
            return

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def is_small(self) -> bool:
        """Whether to take what is left costs less than a new connection."""
        return not self._chunked and self._declared <= SMALL

    def _count(self, message: Message) -> None:
        if message["type"] != "http.request":
            self._ended = True
            return
        self._size += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"At most {self._limit} bytes are taken here.", limit=self._limit)


async def json_body(request: Request) -> object:
    """Raises: UnsupportedFile for another content type; InvalidInput; TooLarge."""
    media_type = content_type(request)
    refused = UnsupportedFile("The body must be application/json.", content_type=media_type)
    if media_type not in {"", "application/json"} and not media_type.endswith("+json"):
        raise refused
    body = await request.body()
    # Browsers let a page of any origin send what has no type, unasked: there it is not taken for JSON.
    if body and not media_type and "origin" in request.headers:
        raise refused
    return parsed(body)


async def form_body(
    request: Request,
    incoming: Incoming,
    *,
    largest_file: int,
    lists: Set[str] = frozenset(),
    urlencoded: bool = False,
) -> dict[str, Any]:
    """A form's fields, the last of each name, and all of those in ``lists``, whose texts may be long.

    Its files wait in spools that ``incoming.close()`` deletes.

    Raises: UnsupportedFile for another content type; InvalidInput; TooLarge; StorageFull; Busy.
    """
    media_type = content_type(request)
    if media_type == MULTIPART:
        said = request.headers["content-type"]
        if "charset" in _CHARSET.sub("", said).lower():
            raise UnsupportedFile("The charset of a form is utf-8.", content_type=said)
        boundary = _BOUNDARY.search(said)
        if boundary is None:
            raise InvalidInput("The form's content type names no boundary.")
        incoming.expect(f"--{boundary[1] or boundary[2]}--".encode("latin-1"))
    elif not urlencoded or media_type != URLENCODED:
        wanted = f"{MULTIPART} or {URLENCODED}" if urlencoded else MULTIPART
        raise UnsupportedFile(f"The body must be {wanted}.", content_type=media_type)
    most, largest, fields = (MOST_FILES, LARGEST_TEXT, 20) if lists else (1, FORM_FIELDS, 50)
    try:
        if media_type == MULTIPART:
            form = await incoming.form(request, most_files=most, most_fields=fields, largest_text=largest)
        else:
            form = await request.form(max_fields=fields, max_part_size=largest)
    except (HTTPException, MultiPartException) as error:
        why = error.detail if isinstance(error, HTTPException) else error.message
        if "exceeded maximum size" in why:
            raise TooLarge(f"A form's texts have at most {largest} bytes here.", limit=largest) from error
        raise InvalidInput(f"The form cannot be read: {why}") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull from error
        raise
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) and (value.size or 0) > largest_file:
            raise TooLarge(f"A file has at most {largest_file} bytes here.", field=name, limit=largest_file)
    return {name: form.getlist(name) if name in lists else form[name] for name in form}


def _is_multipart(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-type", b"").strip().lower().startswith(MULTIPART.encode())


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
