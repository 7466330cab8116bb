"""Waiting for what the jobs of the same process do."""

from typing import Any

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.kernel.principal import Principal
from tests.http.conftest import Someone

EVERYONES = Principal(user_id="usr_test", roles=("user", "admin"))


async def settled(fm: FaultMaven) -> None:
    """Until no job is left to do."""
    for job in await fm.jobs.list(principal=EVERYONES, status="processing"):
        await fm.wait_for(job.job_id, principal=EVERYONES)
    if await fm.jobs.list(principal=EVERYONES, status="processing"):  # what those jobs asked for
        await settled(fm)


async def answered(who: Someone, fm: FaultMaven, case_id: str, message: str) -> dict[str, Any]:
    """A turn, asked for and polled to its end."""
    asked = await who.http.post("/agent/chat", json={"case_id": case_id, "message": message})
    assert asked.status_code == 202, asked.text
    await settled(fm)
    polled = await who.http.get(asked.headers["location"])
    assert polled.status_code == 200, polled.text
    found: dict[str, Any] = polled.json()
    return found
