"""Scheduled clean-up: expired sign-ins, files nothing refers to, the index's old versions, what nobody retried."""

import logging
from collections.abc import Awaitable, Callable

from faultmaven_adapters import FaultMaven
from faultmaven_domain.kernel.errors import FaultMavenError

log = logging.getLogger(__name__)


async def clean_up(fm: FaultMaven) -> dict[str, int]:
    """Run each step of the modules that run here; one that cannot run now is left for the next time.

    Gives how many things each step removed.
    """
    steps: dict[str, tuple[str | None, Callable[[], Awaitable[int]]]] = {
        "token families": ("auth", fm.auth.forget_expired),
        "evidence files": ("evidence", fm.evidence.sweep),
        "knowledge files": ("knowledge", fm.knowledge.sweep),
        "messages of failed jobs": (None, fm.jobs.forget_parked),
    }
    removed = {}
    for what, (module, step) in steps.items():
        if module is not None and module not in fm.modules:
            continue
        try:
            removed[what] = await step()
        except FaultMavenError as error:
            log.warning("clean-up of %s: %s", what, error.message)
    log.info("clean-up: %s", ", ".join(f"{count} {what}" for what, count in removed.items()) or "nothing ran")
    return removed
