"""Who gets into a server that was just started, and what its operator is told and may do."""

from pathlib import Path

import httpx2

from tests.e2e.server import Server
from tests.e2e.test_demo import faultmaven


def test_the_operator_is_told_who_gets_in(server: Server) -> None:
    """A server that lets names in without passwords says so when it starts, and which of them are admins."""
    log = server.log.read_text()

    assert "signs in by a name alone, without a password. Admins are: admin." in log
    answer = httpx2.post(f"{server.url}/v1/auth/dev-login", json={"username": "admin"})
    assert (answer.status_code, answer.json()["user"]["is_admin"]) == (200, True)


def test_a_program_gets_a_token_of_its_own(server: Server, tmp_path: Path) -> None:
    """Beside a running server, for one account and one client; it is good once, and the next comes with it."""
    httpx2.post(f"{server.url}/v1/auth/dev-login", json={"username": "agent"})
    words = ("users", "token", "agent", "--client-id", "desk", "--data-dir", str(server.data))
    issued = faultmaven(*words, cwd=tmp_path)
    assert (issued.returncode, len(issued.stdout.split())) == (0, 1), issued.stderr

    body = {"grant_type": "refresh_token", "refresh_token": issued.stdout.strip(), "client_id": "desk"}
    answers = [httpx2.post(f"{server.url}/api/v1/auth/oauth/token", json=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[0].json()["username"] == "agent"
    nobody = faultmaven(*words[:2], "nobody", *words[3:], cwd=tmp_path)
    assert (nobody.returncode, nobody.stdout) == (7, "")


def test_no_start_without_passwords_outside_core(tmp_path: Path) -> None:
    """Asked for where it is never given, it is a mistake that is named."""
    words = ("serve", "--data-dir", str(tmp_path / "data"), "--port", "0")
    given = {"PROFILE": "team", "JWT_SECRET": "26059423adabdcf9142514428c9d1b35", "DEV_LOGIN": "true"}
    started = faultmaven(*words, cwd=tmp_path, **given)

    assert started.returncode == 3
    assert "DEV_LOGIN" in started.stderr
