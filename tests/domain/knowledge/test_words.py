import pytest

from faultmaven_domain.knowledge import Passage
from faultmaven_domain.knowledge.words import names_spelled, spelled


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("KubePodCrashLooping", "Kube Pod Crash Looping"),
        ("etcdGRPCRequestsSlow", "etcd GRPC Requests Slow"),
        ("NodeRAIDDegraded", "Node RAID Degraded"),
        ("HTTP2Server", "HTTP2 Server"),
        ("OOMKilled", "OOM Killed"),
        ("IPv4", "IPv4"),
        ("plain words, ALL CAPS", "plain words, ALL CAPS"),
        ("", ""),
    ],
)
def test_names_are_spelled_out(name: str, words: str) -> None:
    """Capitals inside a name begin a word; a run of them is one."""
    assert words == spelled(name)


def test_each_name_once() -> None:
    """Only what is made of several words is given, however often it stands there."""
    text = "KubeNodeNotReady: see `KubeNodeNotReady` and kube_node, TargetDown"

    assert names_spelled(text) == "Kube Node Not Ready Target Down"


def test_a_passage_is_searched_with_its_title() -> None:
    """Title, section, tags and the words of names are searched; the model gets the title in words."""
    passage = Passage(
        passage_id="p", document_id="d", revision="r", ordinal=0, owner_id=None, collection="c", document_type="t",
        title="KubeProxyDown", section="Meaning", text="It is down.", tags=("net",),
    )  # fmt: skip

    assert passage.embedded_text == "Kube Proxy Down\nMeaning\nIt is down."
    assert passage.searched_text == "KubeProxyDown\nMeaning\nIt is down.\nnet\nKube Proxy Down"
