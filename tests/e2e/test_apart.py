"""The same modules in two processes."""

from pathlib import Path

from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server
from tests.e2e.test_demo import faultmaven

SECRET = {"JWT_SECRET": "one secret for both processes, long enough", "MODEL_DOWNLOAD": "false"}
REST = "auth,session,case,evidence,agent"


def test_the_knowledge_module_runs_alone(tmp_path: Path) -> None:
    """`serve --modules knowledge` is that module alone; the rest reach it by one variable and nobody notices."""
    knowledge = Server(tmp_path / "knowledge", SECRET, words=("--modules", "knowledge"))
    rest = Server(tmp_path / "rest", SECRET, words=("--modules", REST))
    try:
        knowledge.start()
        rest.environment = {**SECRET, "KNOWLEDGE_URL": knowledge.url}
        rest.start()
        tour = Tour(rest.url)
        tour.register()
        tour.log_in()
        tour._call(
            "POST",
            "/v1/knowledge/documents",
            json={"title": "etcd has no leader", "content": "## Diagnosis\n\n- Check `etcdctl endpoint status`.\n"},
        )
        while not tour._call("POST", "/v1/knowledge/search", json={"query": "etcd leader"})["results"]:
            pass
        tour.open_case("etcd")
        turn = tour.ask("etcd has no leader, what now?")
        tour.close()
    finally:
        rest.kill()
        knowledge.kill()

    assert "etcdctl endpoint status" in turn["content"]


def test_a_module_whose_neighbours_are_nowhere_does_not_start(tmp_path: Path) -> None:
    """A module that calls others stops at the start and names the variable that is missing."""
    refused = faultmaven("serve", "--modules", "agent", "--port", "0", cwd=tmp_path)

    assert refused.returncode == 3
    assert "_URL must say where the" in refused.stderr
