"""Commands and workers beside a running server."""

import json
import subprocess
import sys
from pathlib import Path

from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server
from tests.e2e.test_demo import faultmaven


def test_a_second_server_is_refused(server: Server, tmp_path: Path) -> None:
    """Two servers over one directory would harm each other: the second names the first one's pid and goes."""
    second = faultmaven("serve", "--data-dir", str(server.data), "--port", "0", cwd=tmp_path)

    assert second.returncode == 4
    assert f"Process {server.pid} (serve)" in second.stderr


def test_commands_join_a_running_server(server: Server, tmp_path: Path) -> None:
    """What a command teaches beside a server, the server's clients find; its jobs are the server's."""
    (tmp_path / "etcd.md").write_text("# etcd has no leader\n\n## Diagnosis\n\n- Check `etcdctl endpoint status`.\n")

    taught = faultmaven("ingest", "--data-dir", str(server.data), "etcd.md", cwd=tmp_path)
    asked = faultmaven("ask", "--data-dir", str(server.data), "etcd has no leader, what now?", cwd=tmp_path)

    assert taught.returncode == 0, taught.stderr
    assert "etcdctl endpoint status" in asked.stdout, asked.stderr
    tour = Tour(server.url)
    tour.register()
    tour.log_in()
    found = tour._call("POST", "/v1/knowledge/search", json={"query": "etcd leader"})
    tour.close()
    assert found["results"][0]["title"] == "etcd has no leader"


def test_a_worker_beside_a_server(server: Server, tmp_path: Path) -> None:
    """A worker joins the server's queues and ends cleanly when told to."""
    command = [sys.executable, "-m", "faultmaven_http.cli", "worker", "--data-dir", str(server.data)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stderr is not None
        while "The worker is ready." not in worker.stderr.readline():
            assert worker.poll() is None
        tour = Tour(server.url)
        tour.register()
        tour.log_in()
        jobs = [
            tour._call("POST", "/v1/knowledge/documents", json={"title": f"Book {n}", "content": f"Words {n}."})[
                "job_id"
            ]
            for n in range(8)
        ]
        assert tour.wait_for(jobs, lambda what, done, total: None) == []
        tour.close()
        worker.terminate()
        assert worker.wait(timeout=30) == 0

    listed = faultmaven("jobs", "--data-dir", str(server.data), "--json", cwd=tmp_path)
    assert [job["attempts"] for job in json.loads(listed.stdout) if job["job_id"] in jobs] == [1] * 8
