"""Any ONNX embedding model, on the processor.

One text is one run on one thread, and as many texts run at once as there are processors. Measured on two cores with
texts of 145 tokens, batches of 2 to 8 gained nothing over single texts, and two runs of one thread each did 15 to 25 %
more than one run of two. So nothing is padded, and a text's vector does not depend on what it was embedded with, which
it otherwise does with int8: the scale of the activations is taken from the whole batch.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import field, frozen

from faultmaven_domain.kernel.errors import Unavailable

from .cpu import usable_cpus
from .directory import ModelDirectory, Precision
from .encoder import Encoder
from .errors import ModelUnusable


@frozen(kw_only=True, eq=False)
class OnnxEmbeddingModel:
    name: str
    dimension: int
    _encoder: Encoder = field(repr=False)
    _threads: int
    _passages: ThreadPoolExecutor = field(repr=False)
    _questions: ThreadPoolExecutor = field(repr=False)

    @classmethod
    def open(
        cls, directory: Path, *, threads: int | None = None, precision: Precision | None = None
    ) -> "OnnxEmbeddingModel":
        """Load the model and try it on one word. Blocks, from a tenth of a second to seconds: use a thread.

        ``threads`` is how many texts are embedded at once, by default as many as the process may use processors.

        Raises: ModelUnusable, with the file that is missing or wrong.
        """
        files = ModelDirectory.read(directory, precision=precision)
        encoder = Encoder.load(files)
        try:
            dimension = len(encoder.vector("word"))
        except Unavailable as error:
            raise ModelUnusable(f"{files.graph}: {error.message}") from error
        threads = threads or usable_cpus()
        return cls(
            name=files.name,
            dimension=dimension,
            encoder=encoder,
            threads=threads,
            passages=ThreadPoolExecutor(threads, thread_name_prefix="embedding"),
            questions=ThreadPoolExecutor(1, thread_name_prefix="embedding-one"),
        )

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Texts longer than the model reads are cut. Calls share the threads text by text, and a single text, which is
        what a question is, has a thread kept for it: it does not wait for a library to be read.

        Raises: Unavailable.
        """
        pool = self._questions if len(texts) == 1 else self._passages
        vectors: list[list[float]] = [[] for _ in texts]
        waiting = iter(enumerate(texts))
        loop = asyncio.get_running_loop()

        async def work() -> None:
            for at, text in waiting:
                try:
                    running = loop.run_in_executor(pool, self._encoder.vector, text)
                except RuntimeError as error:  # the pool takes no more
                    raise Unavailable("The embedding model is closed.") from error
                vectors[at] = await running

        workers = [asyncio.create_task(work()) for _ in range(min(self._threads, len(texts)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return vectors

    async def ping(self) -> None:
        """Raises: Unavailable."""
        await self.embed(["word"])

    async def close(self) -> None:
        """Wait for the texts that are being embedded; calls that have more of them, and new ones, are Unavailable."""
        for pool in (self._questions, self._passages):
            await asyncio.to_thread(pool.shutdown)
