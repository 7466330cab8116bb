"""Multipart forms, read as Starlette reads them, but for what their texts may take together."""

from collections.abc import AsyncGenerator, Callable

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser


class FormParser(MultiPartParser):
    """``text_came`` is told of each piece of a text, in bytes, before it is held."""

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        most_files: int,
        most_fields: int,
        largest_text: int,
        text_came: Callable[[int], None],
    ) -> None:
        """``largest_text``: bytes of one text, and of all of them with a little beside it."""
        super().__init__(headers, stream, max_files=most_files, max_fields=most_fields, max_part_size=largest_text)
        self._texts = 0
        self._text_came = text_came

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            self._texts += end - start
            if self._texts > self.max_part_size + LITTLE:
                raise MultiPartException("The texts exceeded maximum size together.")
            self._text_came(end - start)
        super().on_part_data(data, start, end)


#: What a form's other texts may have beside one of the largest, in bytes.
LITTLE = 1024 * 1024
