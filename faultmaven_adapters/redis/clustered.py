"""Whether an address that does not say so leads to a cluster, where most calls would fail, one later than the other."""

from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from faultmaven_domain.kernel.errors import Misconfigured

from .address import Address, Form
from .connection import calling

_MEND = {
    "REDIS_URL": (
        "begins with redis+cluster:// then; and QUEUE_REDIS_URL names a server outside of it, or Sentinels, for the "
        "queue of jobs, which cannot run on one."
    ),
    "QUEUE_REDIS_URL": "is for the queue of jobs, which cannot run on one: name a server outside of it, or Sentinels.",
}


async def refuse_cluster(redis: Redis, address: Address | Path) -> None:
    """One that does not say, since this user may not ask, is not one. Raises: Misconfigured; Unavailable."""
    if isinstance(address, Path) or address.form is Form.CLUSTER:
        return
    async with calling(redis):
        try:
            said = await redis.info("cluster")
        except ResponseError:  # not permitted to this user, or to any
            return
    if str(said.get("cluster_enabled", 0)) == "1":
        variable = address.variable
        raise Misconfigured(f"{variable} leads to a server of a cluster. It {_MEND[variable]}", field=variable)
