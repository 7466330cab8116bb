"""Scheduled clean-up: expired sign-ins, files nothing refers to, the index's old versions, what nobody retried."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from faultmaven_adapters import FaultMaven
from faultmaven_domain.kernel.errors import FaultMavenError

log = logging.getLogger(__name__)
#: Each module's own job, asked for at 17 minutes past each hour.
CLEAN_UP, MINUTE = "jobs.clean_up", 17
LONGEST = timedelta(minutes=10)


async def clean_up(fm: FaultMaven, payload: dict[str, Any]) -> dict[str, int]:
    """Run each step of ``payload["module"]``; one that cannot run now is left for the next time.

    Gives how many things each step removed.
    """
    module = str(payload["module"])
    own: dict[str, dict[str, Callable[[], Awaitable[int]]]] = {
        "auth": {"token families": fm.auth.forget_expired},
        "evidence": {"evidence files": fm.evidence.sweep},
        "knowledge": {"knowledge files": fm.knowledge.sweep},
    }
    removed = {}
    for what, step in own.get(module, {}).items():
        try:
            removed[what] = await step()
        except FaultMavenError as error:
            log.warning("clean-up of %s: %s", what, error.message)
    removed["messages of failed jobs"] = await fm.jobs.forget_parked(module=module)
    log.info("clean-up of %s: %s", module, ", ".join(f"{count} {what}" for what, count in removed.items()))
    return removed
