import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultmaven_domain.evidence.analysis.masking import LONGEST_MESSAGE, MASK, MOST_WORDS, Masker
from faultmaven_domain.evidence.analysis.records import Record
from faultmaven_domain.evidence.analysis.settling import settle
from faultmaven_domain.evidence.analysis.tally import Tally
from faultmaven_domain.evidence.analysis.templates import TemplateMiner

MASKED = {
    "blk_-1608999687919862906": "blk_<*>",
    "attempt_1445144423722_0020_m_000000_0": "attempt_<*>",
    "10.251.91.84:50010": MASK,
    "/10.251.91.84:50010": "/<*>",
    "(10.0.0.1)": "(<*>)",
    "0x14ed93111f20027": MASK,
    "f47ac10b-58cc-4372-a567-0e02b2c3d479": MASK,
    "/var/log/app/today.log": MASK,
    "C:\\Windows\\System32\\x.dll": MASK,
    "https://example.org/a?b=c": MASK,
    "ana@example.org": MASK,
    "5c:50:15:36:bc:03": MASK,
    "fe80:0:0:0:0:0:0:1": MASK,
    "24-54-76-216.dsl.example.net": MASK,
    "db.internal:5432": MASK,
    "10000ms": "<*>ms",
    "uid=1000,": "uid=<*>,",
    "mask=ffffffff": "mask=<*>",
    "overlap:false": "overlap:false",
    "word": "word",
    "jk2_init()": "jk2_init()",
    "org.apache.hadoop.ipc.Client:": "org.apache.hadoop.ipc.Client:",
}


@pytest.mark.parametrize(("word", "masked"), MASKED.items(), ids=MASKED)
def test_values_are_masked_and_names_kept(word: str, masked: str) -> None:
    """Addresses, numbers, paths and ids become <*>; words, flags and class names stay."""
    assert (masked,) == Masker().words(word)


def test_a_server_error_stays_to_be_seen() -> None:
    """The status 503 is no mere number and never merged with 504; 200 is."""
    assert Masker().words("answered status: 503 in 3") == ("answered", "status=503", "in", MASK)
    assert Masker().words('"GET /a/b HTTP/1.1" 503') == ('"GET', MASK, 'HTTP/1.1"', "status=503")
    assert Masker().words("answered status: 200 in 3") == ("answered", "status:", MASK, "in", MASK)
    assert len(set(mined(*[f"GET /a/{n} status={code}" for n in range(3) for code in (503, 504, "2xx")]))) == 3


SETTLED = {
    "8673 bytes (8.46 KB) sent, lifetime <1 sec": "<*> sent, lifetime <*>",
    "952 bytes sent, lifetime 00:10": "<*> sent, lifetime <*>",
    "from 10.0.0.1 () at Fri Jul 22 19:29:09 2005": "from <*> (<*>) at <*>",
    "delete blk_1 blk_2 blk_3": "delete blk_<*>",
    "speeds ( 3552 3534 **** 4245 )": "speeds ( <*> )",
    "session opened for user ana by (uid=0)": "session opened for user <*> by (uid=<*>)",
    "check pass; user unknown": "check pass; user unknown",
    "Server environment:java.vendor=Oracle Corporation": "Server environment:<*>",
    'answered "GET /v2/servers HTTP/1.1" in 12': 'answered "GET <*> HTTP/1.1" in <*>',
}


@pytest.mark.parametrize(("message", "template"), SETTLED.items(), ids=SETTLED)
def test_values_of_several_words_become_one(message: str, template: str) -> None:
    """Sizes, dates, lists and missing values take one place, however many words they are."""
    assert template == " ".join(settle(Masker().words(message)))


@settings(deadline=None)
@given(st.text(max_size=3_000))
def test_any_message_is_masked_within_bounds(message: str) -> None:
    """No message breaks the masker, and the number of its words is bounded."""
    words = Masker().words(message)

    assert len(words) <= MOST_WORDS + 1
    assert len(settle(words)) <= len(words)


@settings(deadline=None)
@given(st.sampled_from(["1.", "a-", "a.1", "/a", "a@", "0a", '"', "<*>", "_1", "(a", "a=", "::", "++"]))
def test_repetition_is_masked_in_linear_time(piece: str) -> None:
    """Long words made of what values are made of are borne."""
    Masker().words(piece * LONGEST_MESSAGE)
    Masker().words(" ".join([piece * 100] * 20))


def test_only_the_beginning_of_a_message_is_looked_at() -> None:
    """What stands behind the first 2,000 characters makes no difference."""
    start = "it broke because of " + "very " * 30 + "x" * LONGEST_MESSAGE

    assert Masker().words(f"{start} yesterday") == Masker().words(f"{start} today 1")


def mined(*messages: str, miner: TemplateMiner | None = None) -> list[str]:
    """The template of each message."""
    masker, miner = Masker(), miner or TemplateMiner()
    shapes = []
    for number, message in enumerate(messages, 1):
        shape = miner.add(None, masker.words(message))
        if shape is not None:
            shape.tally.note(Record(number, message, None, None, None, None, message))
            shapes.append(shape)
    miner.merge()
    return [" ".join(shape.root().words) for shape in shapes]


def test_names_vary_and_verbs_do_not() -> None:
    """Many different plain words at one place are values; the words that tell what happened stay apart."""
    names = [f"Failed password for {name} from 10.0.0.1" for name in ("root", "ana", "bob", "git", "mysql")]
    states = [f"Instance web was {state} on the host" for state in ("started", "paused", "resumed", "stopped")]

    assert {"Failed password for <*> from <*>"} == set(mined(*names))
    assert set(states) == set(mined(*states))


def test_two_or_three_words_are_told_apart() -> None:
    """A place that holds few plain words says which."""
    messages = [f"authentication failure user={user} host=10.0.0.{n}" for user in ("root", "guest") for n in range(9)]

    assert {f"authentication failure user={user} host=<*>" for user in ("root", "guest")} == set(mined(*messages))


def test_values_that_look_like_values_vary_at_once() -> None:
    """Two class names or paths at the same place are enough."""
    assert {"received broadcast <*>"} == set(mined("received broadcast a.b.TICK", "received broadcast a.b.TOCK"))


def test_flags_are_not_values() -> None:
    """true and false make two templates."""
    assert len(set(mined("update overlap:true now", "update overlap:false now"))) == 2


def test_levels_are_not_mixed() -> None:
    """The same words at two levels are two shapes."""
    miner = TemplateMiner()

    assert miner.add("INFO", ("it", "broke")) is not miner.add("ERROR", ("it", "broke"))


def test_names_at_two_places_do_not_make_a_template_each() -> None:
    """Hundreds of accounts opened by hundreds of people are one template."""
    rng = random.Random(1)
    name = lambda: "".join(rng.choices("abcdefghij", k=6))  # noqa: E731
    messages = [f"account {name()} was opened for {name()} by clerk" for _ in range(400)]

    assert {"account <*> was opened for <*> by clerk"} == set(mined(*messages))


def test_what_once_was_found_to_vary_takes_new_names_at_once() -> None:
    """Thousands of names fit into little room, and none of their messages is dropped."""
    rng = random.Random(5)
    names = ["".join(rng.choices("abcdefghij", k=6)) for _ in range(4_000)]
    messages = [f"account {a} was opened for {b} by clerk" for a, b in zip(names[::2], names[1::2], strict=True)]
    miner = TemplateMiner(most_shapes=200)

    assert set(mined(*messages, miner=miner)) == {"account <*> was opened for <*> by clerk"}
    assert [shape.tally.count for shape in miner.merge()] == [2_000]


def test_a_flood_of_different_values_is_one_template() -> None:
    """Quoted and dotted words, single digits and unit prefixes at one place are values."""
    assert set(mined("disk eth1 is up now", "disk eth2 is up now")) == {"disk eth<*> is up now"}
    assert set(mined("key 'a' is gone now", "key 'b' is gone now")) == {"key '<*>' is gone now"}
    assert set(mined("get name=a.b, ws=null now", "get name=ab, ws=X{1} now")) == {"get name=<*>, ws=<*> now"}


def test_memory_is_bounded_and_what_is_left_out_is_counted() -> None:
    """Ever new harmless messages find no room for ever, a failure among them does."""
    rng = random.Random(2)
    noise = [" ".join("".join(rng.choices("abcdefghij", k=5)) for _ in range(rng.randint(4, 9))) for _ in range(900)]
    miner = TemplateMiner(most_shapes=100)

    templates = mined(*noise, "the disk is full, giving up", miner=miner)
    standing = miner.merge()

    assert len(standing) <= 100
    assert sum(shape.tally.count for shape in standing) + miner.dropped == 901
    assert "the disk is full, giving up" in {" ".join(shape.words) for shape in standing}
    assert templates[-1] == "the disk is full, giving up"


def test_a_frequent_pattern_makes_no_room_for_noise() -> None:
    """When room is needed, the rarest go first, and a failure among rare ones stays."""
    rng = random.Random(3)
    noise = [" ".join("".join(rng.choices("abcdefghij", k=5)) for _ in range(rng.randint(4, 9))) for _ in range(500)]
    often = ["the checkpoint is complete now"] * 50
    miner = TemplateMiner(most_shapes=100)

    twice = [message for message in noise for _ in range(2)]
    mined(*twice[:90], *often, "the disk is full, giving up", *twice[90:], miner=miner)
    standing = {" ".join(shape.words): shape.tally.count for shape in miner.merge()}

    assert standing["the checkpoint is complete now"] == 50
    assert standing["the disk is full, giving up"] == 1


def test_failures_alone_may_fill_the_room() -> None:
    """Where all that is kept tells of harm, what comes later is counted and left out."""
    rng = random.Random(4)
    words = ["".join(rng.choices("abcdefghij", k=5)) for _ in range(2_000)]
    miner = TemplateMiner(most_shapes=20)

    mined(*[f"{a} {b} {c} failed {d}" for a, b, c, d in zip(*[iter(words)] * 4, strict=True)], miner=miner)

    assert len(miner.merge()) <= 20
    assert sum(shape.tally.count for shape in miner.merge()) + miner.dropped == 500


def test_a_tally_is_bounded() -> None:
    """However many records are counted, few are kept, and their times in few stretches."""
    tally = Tally()
    for number in range(1, 20_001):
        tally.note(Record(number, f"line {number}", str(number), number * 7.0, None, f"part-{number}", ""))
    whole = Tally.of([tally, tally, tally])

    assert (tally.count, whole.count) == (20_000, 60_000)
    assert len(tally.kept) <= 16
    assert len(whole.kept) <= 64
    assert max(len(tally.spans), len(whole.spans)) <= 128
    assert (sum(tally.spans.values()), sum(whole.spans.values())) == (20_000, 60_000)
    assert len(tally.components) <= 16
    assert [number for number, _ in tally.samples(3)][::2] == [1, 20_000]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["ab", "a.b", "1", "x=1", "x=y", "true", "()", "(", ")", "user", "root"]), max_size=5),
        max_size=40,
    )
)
def test_no_message_is_lost_or_counted_twice(messages: list[list[str]]) -> None:
    """Whatever is merged, the templates together hold every message once."""
    miner = TemplateMiner(most_shapes=8)
    mined(*map(" ".join, messages), miner=miner)

    assert len(messages) == sum(shape.tally.count for shape in miner.merge()) + miner.dropped
