import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import faultmaven_adapters
from faultmaven_adapters.owner import DirectoryHeld, Role, holder, own, refuse_second
from faultmaven_domain.kernel.errors import Misconfigured

HOLD = """
import sys, time
from pathlib import Path
import faultmaven_adapters
from faultmaven_adapters.owner import Role, own
with own(Path(sys.argv[1]), Role.SERVE) as ownership:
    ownership.tell(Path("/tmp/redis.sock"))
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_owner(tmp_path: Path) -> None:
    """The first owns the directory, the second is told that it does not, and who does."""
    with own(tmp_path, Role.WORKER) as first, own(tmp_path, Role.LIBRARY) as second:
        assert first is not None
        assert second is None
        owner = holder(tmp_path)
        assert owner is not None
        assert (owner.pid, owner.role, owner.socket) == (os.getpid(), Role.WORKER, None)
        first.tell(Path("/run/redis.sock"))
        told = holder(tmp_path)
        assert told is not None
        assert told.socket == Path("/run/redis.sock")


def test_the_next_one_may(tmp_path: Path) -> None:
    """When the owner goes, the directory is free again."""
    with own(tmp_path, Role.SERVE):
        pass

    assert holder(tmp_path) is None
    with own(tmp_path, Role.SERVE) as again:
        assert again is not None


def test_a_killed_owner_holds_nothing(tmp_path: Path) -> None:
    """The lock goes with its process, however that ends; a second server names the first one's pid while it lives."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(DirectoryHeld, match=f"Process {child.pid} "):
            refuse_second(tmp_path)
        child.send_signal(signal.SIGKILL)
        child.wait()

    refuse_second(tmp_path)
    assert holder(tmp_path) is None


def test_nobody_owns_what_is_not_there(tmp_path: Path) -> None:
    """Asking about a directory that is not there makes none."""
    assert holder(tmp_path / "nowhere") is None
    assert not (tmp_path / "nowhere").exists()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A data directory that is a file stops the start with its name."""
    (tmp_path / "data").write_text("in the way")

    with pytest.raises(Misconfigured, match="data"), own(tmp_path / "data", Role.SERVE):
        pass


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"pid": "x", "role": "serve", "socket": null}'])
def test_an_unreadable_lock_tells_of_nobody(tmp_path: Path, damage: str) -> None:
    """While the owner is still writing its name, nobody is named."""
    with own(tmp_path, Role.SERVE):
        (tmp_path / "owner.lock").write_text(damage)

        assert holder(tmp_path) is None


async def test_who_waits_for_an_owner_that_goes_becomes_the_owner(tmp_path: Path) -> None:
    """A command that meets an owner which ends before its Redis is up takes the directory over."""
    with own(tmp_path / "data", Role.WORKER):
        opening = faultmaven_adapters.open(tmp_path / "data", work=False)
        waiting = asyncio.create_task(opening.__aenter__())
        await asyncio.sleep(0.3)
        assert not waiting.done()
    fm = await waiting

    assert await fm.jobs.list(principal=faultmaven_adapters.OPERATOR) == ()
    await opening.__aexit__(None, None, None)
