"""Names written as one word, read as several: ``KubePodCrashLooping`` is about pods that crash."""

import re

_NAME = re.compile(r"[A-Za-z0-9]+")
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


def spelled(text: str) -> str:
    """Each such name as its words: ``etcdGRPCRequestsSlow`` becomes ``etcd GRPC Requests Slow``."""
    return _HUMP.sub(" ", text)


def names_spelled(text: str) -> str:
    """The words of each such name in a text, each name once."""
    return " ".join(spelled(name) for name in dict.fromkeys(_NAME.findall(text)) if _HUMP.search(name))


def words_of(text: str) -> list[str]:
    """Its words in lower case, names spelled out."""
    return _WORD.findall(spelled(text).lower())
