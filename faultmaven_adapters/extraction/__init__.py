"""Text out of files, in processes of their own."""

from .extractor import FileTextExtractor
from .process_pool import ProcessOffload, WorkerDied, WorkerTooSlow

__all__ = ["FileTextExtractor", "ProcessOffload", "WorkerDied", "WorkerTooSlow"]
