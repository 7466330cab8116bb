"""Which combinations of profile and vendors are tried, and which are refused, with the words that say so."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product

from attrs import asdict, fields_dict, frozen

Pair = frozenset[tuple[str, str]]


@frozen(kw_only=True)
class Combination:
    profile: str
    database: str
    files: str
    vectors: str
    identity: str
    redis: str
    embeddings: str

    def __str__(self) -> str:
        return ", ".join(self.parts().values())

    def parts(self) -> dict[str, str]:
        return asdict(self)

    def groups(self, size: int) -> set[Pair]:
        """Every so many of its choices."""
        return set(map(frozenset, combinations(self.parts().items(), size)))

    def apart(self) -> bool:
        """Whether its worker is a process of its own."""
        return self.profile != "core" and self.database != "sqlite" and self.vectors != "chromadb"


#: In the order of the fields.
CHOICES: Mapping[str, Sequence[str]] = dict(
    zip(
        fields_dict(Combination),
        (
            ("core", "team", "enterprise"),
            ("sqlite", "postgres"),
            ("local", "s3"),
            ("lancedb", "lancedb-s3", "chromadb", "chromadb-server", "pinecone"),
            ("jwt", "oidc", "auth0"),
            ("private", "plain", "tls", "sentinel", "cluster"),
            ("onnx", "openai", "ollama"),
        ),
        strict=True,
    )
)
EVERY = [Combination(**dict(zip(CHOICES, values, strict=True))) for values in product(*CHOICES.values())]
DEFAULTS = {
    profile: Combination(
        profile=profile, database=database, files=files, vectors=vectors, identity="jwt", redis=redis, embeddings="onnx"
    )
    for profile, database, files, vectors, redis in (
        ("core", "sqlite", "local", "lancedb", "private"),
        ("team", "postgres", "local", "lancedb", "plain"),
        ("enterprise", "postgres", "s3", "lancedb-s3", "plain"),
    )
}
#: What stops a start, in the words of the start.
REFUSALS: Mapping[str, Callable[[Combination], bool]] = {
    "must be a PostgreSQL database's": lambda c: c.profile == "enterprise" and c.database == "sqlite",
    "REDIS_URL must name the Redis": lambda c: c.profile == "enterprise" and c.redis == "private",
    "REDIS_URL is not set": lambda c: c.profile == "team" and c.redis == "private",
    "CHROMADB_URL must name ChromaDB's own server": lambda c: c.profile == "enterprise" and c.vectors == "chromadb",
}
SENSIBLE = [one for one in EVERY if not any(refuses(one) for refuses in REFUSALS.values())]


def covering(wanted: Iterable[Pair], size: int, begun: Sequence[Combination] = ()) -> list[Combination]:
    """A few combinations that hold everything wanted, each ``size`` choices; the most of it first.

    Greedy, as in D. M. Cohen et al. 1997, "The AETG System", with every candidate looked at in place of random ones.
    """
    found = list(begun)
    missing = set(wanted).difference(*(one.groups(size) for one in found))
    held = {one: one.groups(size) & missing for one in SENSIBLE}
    while missing:
        best = max(held, key=lambda one: len(held[one] & missing))
        if not held[best] & missing:
            raise ValueError(f"No combination has {sorted(map(sorted, missing))}.")
        found.append(best)
        missing -= held[best]
    return found


def pairwise() -> list[Combination]:
    """Each profile's default, and combinations in which every two choices that go together meet."""
    return covering(set().union(*(one.groups(2) for one in SENSIBLE)), 2, list(DEFAULTS.values()))


def refused() -> dict[str, Combination]:
    """For each refusal the combination nearest to its profile's default that is refused for that alone."""

    def distance(one: Combination) -> int:
        return len(one.parts().items() - DEFAULTS[one.profile].parts().items())

    alone = {words: [one for one in EVERY if _reasons(one) == [words]] for words in REFUSALS}
    return {words: min(found, key=distance) for words, found in alone.items()}


def _reasons(combination: Combination) -> list[str]:
    return [words for words, refuses in REFUSALS.items() if refuses(combination)]
