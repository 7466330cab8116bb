"""The main job over each vendor that the end-to-end deployments do without; ``nox -s matrix`` tries combinations."""

from pathlib import Path

import pytest

from faultmaven_adapters.settings.choices import Embedding, FileStorage, Identity, Profile, VectorStore

from .combinations import CHOICES, DEFAULTS, EVERY, REFUSALS, SENSIBLE, Combination, covering, pairwise, refused
from .places import Shared, a_model
from .smoke import tried

#: What is not in tests/e2e/test_profiles.py.
ELSEWHERE = {
    "vectors": ("chromadb",),
    "identity": ("oidc", "auth0"),
    "redis": ("tls", "sentinel", "cluster"),
    "embeddings": ("onnx", "openai", "ollama"),
}
SMOKES = covering({frozenset({(name, one)}) for name, choices in ELSEWHERE.items() for one in choices}, 1)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    return Shared(postgres=None, s3=None, model=a_model(tmp_path_factory.mktemp("onnx")))


@pytest.mark.parametrize("combination", SMOKES, ids=str)
def test_a_day_with_each_vendor(combination: Combination, tmp_path: Path, engines: Shared) -> None:
    """A person signs in, uploads, teaches and is answered with citations that hold, and each engine had its part."""
    tried(combination, tmp_path / "day", engines)


def test_what_goes_together_meets() -> None:
    """Every two choices that may go together are in one of the combinations, and each profile's default is one."""
    tried_ones = pairwise()

    assert set().union(*(one.groups(2) for one in SENSIBLE)) == set().union(*(one.groups(2) for one in tried_ones))
    assert set(DEFAULTS.values()) <= set(tried_ones) <= set(SENSIBLE)
    assert len(tried_ones) < 40 < len(SENSIBLE) < len(EVERY)
    with pytest.raises(ValueError, match="enterprise"):
        covering({frozenset({("profile", "enterprise"), ("redis", "private")})}, 2)


def test_each_refusal_has_its_combination() -> None:
    """What stops a start is tried by a combination in which nothing else would."""
    assert {words: [other for other in REFUSALS if REFUSALS[other](one)] for words, one in refused().items()} == {
        words: [words] for words in REFUSALS
    }


def test_every_choice_of_the_settings_is_tried() -> None:
    """A profile or vendor that settings know is in the matrix."""
    assert set(CHOICES["profile"]) == set(Profile)
    assert set(CHOICES["files"]) == set(FileStorage)
    assert {one.partition("-")[0] for one in CHOICES["vectors"]} == set(VectorStore)
    assert set(CHOICES["identity"]) == set(Identity)
    assert set(CHOICES["embeddings"]) == set(Embedding)
