"""The worker shell: does the jobs that wait in the queues, and what is to be done now and then."""

from .worker import run_worker

__all__ = ["run_worker"]
