"""A server of its own among hostile files and callers: clear answers, nothing lost, and memory that stays bounded."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from attrs import field, frozen

from tests.adapters.test_extraction_hostile import CATALOG, LAUGHS, body, page, pages, paragraph, pdf, png, stream, word
from tests.contracts.text_extractor import a_pdf, a_picture
from tests.e2e.server import Server

LOG = b"2026-03-14 12:00:00 ERROR pool exhausted\n" * 40
#: Above one line of a hundred million bytes, and below two hundred.
LIMIT = 110_000_000
MEGABYTE = 2**20
#: What no process of the server may ever have held, in kB; it begins at some 350,000, its libraries included.
MOST_HELD = 900_000


@frozen(kw_only=True)
class Ana:
    """Someone signed in to a server."""

    server: Server
    http: httpx2.Client
    tokens: dict[str, Any] = field(repr=False)

    def case(self) -> str:
        return str(self.http.post("/v1/cases", json={"title": "Hostile"}).json()["case_id"])

    def added(self, case_id: str, name: str, data: Any) -> dict[str, Any]:
        """A file put into a case, once it was read or was found to be unreadable."""
        answer = self.http.post("/v1/evidence", data={"case_id": case_id}, files={"file": (name, data)})
        assert answer.status_code == 201, answer.text
        return self.read(answer.json()["evidence_id"])

    def read(self, evidence_id: str) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = self.http.get(f"/v1/evidence/{evidence_id}/metadata").json()
            if found["status"] != "processing":
                return found
            time.sleep(0.05)

    def answer(self, case_id: str, question: str) -> str:
        asked = {"case_id": case_id, "message": question}
        turn = self.http.post("/v1/agent/chat", json=asked, headers={"Prefer": "wait=100"})
        assert turn.status_code == 200, turn.text
        return str(turn.json()["content"])


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ana]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "tmp").mkdir()
    server = Server(
        folder / "data",
        {
            "MODEL_DOWNLOAD": "false",
            "LLM_PROVIDER": "extractive",
            "MAX_UPLOAD_BYTES": str(LIMIT),
            "TMPDIR": str(folder / "tmp"),
        },
    )
    try:
        server.start()
        with httpx2.Client(base_url=server.url, timeout=120) as http:
            account = {"email": "ana@example.org", "password": "correct horse"}
            assert http.post("/v1/auth/register", json=account).status_code == 201
            tokens = http.post("/v1/auth/login", json=account).json()
            http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            yield Ana(server=server, http=http, tokens=tokens)
        assert "Traceback" not in server.log.read_text()
        assert server.stop() == 0
    finally:
        server.kill()


def held_at_most(pid: int) -> dict[str, int]:
    """The most each process of a server has held so far, in kB, by its number and name."""
    parents: dict[int, int] = {}
    held: dict[str, int] = {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        number = int(path.parent.name)
        parents[number] = int(lines["PPid"])
        held[f"{number} {lines['Name']}"] = int(lines.get("VmHWM", "0 kB").split()[0])

    def ours(number: int) -> bool:
        return number == pid or (number in parents and ours(parents[number]))

    return {name: kilobytes for name, kilobytes in held.items() if ours(int(name.split()[0]))}


def meanwhile(call: Callable[[], object], every: Callable[[], None]) -> None:
    """Do something again and again while something else takes its time."""
    done = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  it is raised below
            failures.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=run)
    thread.start()
    while not done.wait(0.05):
        every()
    thread.join()
    if failures:
        raise failures[0]


def test_one_line_of_a_hundred_megabytes_is_evidence(ana: Ana, tmp_path: Path) -> None:
    """It is taken, analysed and found by its words, while others are answered and no process grows large."""
    path = tmp_path / "one-line.log"
    words = b"alpha beta gamma42 delta req-9182 epsilon " * 25_000
    with path.open("wb") as file:
        file.write(b"2026-03-14 10:00:00 ERROR payload ")
        for _ in range(95):
            file.write(words)
        file.write(b"needle98765 " + words[:1000])
    case_id = ana.case()
    found: list[Any] = []

    def ask() -> None:
        with path.open("rb") as file:
            found.append(ana.added(case_id, path.name, file))
        found.append(ana.answer(case_id, "What about needle98765?"))

    def look() -> None:
        assert httpx2.get(f"{ana.server.url}/health", timeout=60).status_code == 200

    meanwhile(ask, look)

    record, answer = found
    assert (record["status"], record["kind"], record["line_count"]) == ("ready", "log", 1)
    assert record["file_size"] == path.stat().st_size > 99_000_000
    assert "needle98765" in answer
    held = held_at_most(ana.server.pid)
    assert len(held) >= 3  # the server, its Redis and a reader
    assert max(held.values()) < MOST_HELD, held


HEADS = {"declared": "Content-Length: 209715200\r\n", "streamed": "Transfer-Encoding: chunked\r\n"}


@pytest.mark.parametrize("how", HEADS)
@pytest.mark.parametrize("path", ["/v1/evidence", "/v1/knowledge/documents"])
def test_two_hundred_megabytes_are_refused_on_the_way(ana: Ana, path: str, how: str) -> None:
    """The answer comes before the body went, and nothing of it is left."""
    before = held_files(ana)
    address = ana.server.url.removeprefix("http://").partition(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {ana.http.headers['Authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{HEADS[how]}\r\n"
    )
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.log"\r\n\r\n'
    sent, said = 0, b""
    with socket.create_connection((address[0], int(address[2])), timeout=60) as connection:
        connection.sendall(head.encode())
        connection.setblocking(False)
        waiting = b""
        while sent < 200 * MEGABYTE and b"\r\n\r\n" not in said:
            if not waiting:
                piece = b"x" * MEGABYTE if sent else start
                waiting = b"%x\r\n%s\r\n" % (len(piece), piece) if how == "streamed" else piece
                sent += len(piece)
            try:
                waiting = waiting[connection.send(waiting) :]
            except BlockingIOError:
                time.sleep(0.001)
            with suppress(BlockingIOError):
                said += connection.recv(65536)

    assert said.startswith(b"HTTP/1.1 413 ")
    assert sent <= (10 * MEGABYTE if how == "declared" else 130 * MEGABYTE)
    while held_files(ana) != before:  # the server may still be closing them
        time.sleep(0.01)


def held_files(ana: Ana) -> tuple[list[str], list[str]]:
    """What lies in the store, and what the server has open in its folder for temporary files, unlinked or not."""
    stored = sorted(path.name for path in (ana.server.data / "files").rglob("*") if path.is_file())
    folder = str(ana.server.data.parent / "tmp")
    open_ = [str(path.readlink()) for path in Path(f"/proc/{ana.server.pid}/fd").iterdir() if path.is_symlink()]
    return stored, [name for name in open_ if name.startswith(folder)]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty-but-blank.log": lambda: b"\n \n",
    "junk.log": lambda: bytes(range(256)) * 400,
    "zeros.txt": lambda: bytes(100_000),
    "packed.log": lambda: bytes.fromhex("1f8b08000000000000ff") + bytes(100),
    "pdf.log": a_pdf,
    "picture.pdf": lambda: a_picture("hello"),
    "text.png": lambda: b"2026-03-14 10:00:00 ERROR full\n",
    "zip.docx": lambda: b"PK\5\6" + bytes(18),
    "truncated.pdf": lambda: a_pdf()[:700],
    "loop.pdf": lambda: pdf(CATALOG, pages(b"2 0 R", 1_000_000)),
    "million.pdf": lambda: pdf(CATALOG, pages(b"3 0 R", 1_000_000), page(2**31 - 1), stream(b"BT ET")),
    "giant.png": lambda: png(60_000, 60_000, b""),
    "cut.png": lambda: a_picture("hello")[:-200],
    "laughs.docx": lambda: word(word__document_xml=body(paragraph("&a11;"), LAUGHS)),
    "dense.docx": lambda: word(word__document_xml=body(paragraph(" " * 30_000_000))),
    "laughs.xml": lambda: f'<?xml version="1.0"?>{LAUGHS}<a>&a11;</a>'.encode(),
    "deep.json": lambda: b"[" * 1_000_000,
    "aliases.yaml": lambda: b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "utf16.log": lambda: ("2026-03-14 10:00:00 ERROR größe\n" * 50).encode("utf-16-le"),
    "bad-utf8.log": lambda: "2026-03-14 10:00:00 ERROR größe\n".encode() * 50 + b"\xff\n",
    "returns.log": lambda: b"2026-03-14 10:00:00 ERROR one\r2026-03-14 10:00:01 ERROR two\r",
}
UNREADABLE = {
    *("junk.log", "zeros.txt", "packed.log", "zip.docx", "truncated.pdf", "giant.png", "cut.png"),
    *("laughs.docx", "dense.docx"),
}


def test_no_file_takes_another_down(ana: Ana) -> None:
    """Each is read or says why not, as evidence and as a document; what lies beside it is read and asked about."""
    case_id = ana.case()
    good = ana.added(case_id, "pool.log", LOG)
    for name, make in HOSTILE.items():
        content = make()  # once: an archive holds the time it was made at
        record = ana.added(case_id, name, content)
        expected = "unreadable" if name in UNREADABLE else "ready"
        assert (name, record["status"]) == (name, expected)
        assert all(note.endswith(".") for note in record["notes"])
        if expected == "unreadable":
            assert len(record["notes"]) == 1
            assert ana.http.get(f"/v1/evidence/{record['evidence_id']}").content == content
    for name in ("junk.txt", "laughs.docx", "loop.pdf", "giant.png"):
        content = HOSTILE.get(name, HOSTILE["junk.log"])
        taught = ana.http.post("/v1/knowledge/documents", files={"file": (name, content())})
        if taught.status_code == 202:
            job = {"status": "processing"}
            while job["status"] not in {"completed", "failed"}:
                job = ana.http.get(f"/v1/jobs/{taught.json()['job_id']}").json()
            assert (job["status"], bool(job["error"])) == ("failed", True)  # type: ignore[typeddict-item]
        else:
            assert taught.status_code == 415, taught.text

    assert ana.read(good["evidence_id"]) == good
    assert "pool exhausted" in ana.answer(case_id, "What is failing?")
    assert len(ana.http.get(f"/v1/evidence/case/{case_id}").json()["evidence"]) == len(HOSTILE) + 1
    assert max(held_at_most(ana.server.pid).values()) < MOST_HELD


def signed(secret: str, claims: dict[str, Any], algorithm: str = "HS256") -> str:
    """A token by hand."""
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm, "typ": "JWT"}, claims)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = hmac.new(secret.encode(), text, hashlib.sha256).digest() if algorithm != "none" else b""
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def test_no_token_but_its_own_opens_anything(ana: Ana) -> None:
    """Expired, forged, unsigned, swapped or endless: 401 with a sentence, and the server's own is as good as before."""
    payload = ana.tokens["access_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    secrets = [path.read_text() for path in ana.server.data.iterdir() if path.is_file() and "secret" in path.name]
    assert len(secrets) == 1
    head, _, signature = ana.tokens["access_token"].split(".")
    swapped = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "usr_root"}).encode()).rstrip(b"=").decode()
    tokens = [
        signed(secrets[0], {**claims, "exp": int(time.time()) - 60}),
        signed("another secret of more than thirty-two letters", claims),
        signed(secrets[0], claims, "none"),
        signed(secrets[0], {**claims, "sub": "usr_nobody"}),
        f"{head}.{swapped}.{signature}",
        ana.tokens["refresh_token"],
        ana.tokens["access_token"][:-2],
        ana.tokens["access_token"] + "x" * 40_000,
        "." * 30_000,
    ]
    assert ana.http.get("/v1/auth/me", headers={"Authorization": f"Bearer {signed(secrets[0], claims)}"}).is_success
    for token in tokens:
        answer = ana.http.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), token[:200]
        assert isinstance(answer.json()["detail"], str)
    assert ana.http.get("/v1/auth/me").status_code == 200


def at_once(calls: list[Callable[[], httpx2.Response]]) -> list[httpx2.Response]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return [answer.result() for answer in [threads.submit(call) for call in calls]]


def test_of_twins_one_is_registered(ana: Ana) -> None:
    """Over one database file as well: one account, and conflicts for the rest."""
    twins = ("kate@example.org", "KATE@example.org", "\u212aate@Example.org", "\uff4bate@example.org") * 2
    accounts = [{"email": email, "password": "correct horse"} for email in twins]
    answers = at_once([lambda a=account: ana.http.post("/v1/auth/register", json=a) for account in accounts])  # type: ignore[misc]

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]


def test_a_case_goes_one_way_whoever_pulls(ana: Ana) -> None:
    """Of changes at once one is made, the rest are conflicts, and one post-mortem is written."""
    case_id = ana.case()
    path = f"/v1/cases/{case_id}/status"
    assert ana.http.post(path, json={"status": "investigating"}).is_success
    version = ana.http.get(f"/v1/cases/{case_id}").json()["version"]
    wishes = [{"status": status, "expected_version": version} for status in ("resolved", "closed") * 5]
    answers = at_once([lambda w=wish: ana.http.post(path, json=w) for wish in wishes])  # type: ignore[misc]

    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 9]
    won = next(answer.json() for answer in answers if answer.is_success)
    case = ana.http.get(f"/v1/cases/{case_id}").json()
    assert (case["status"], case["version"]) == (won["status"], version + 1)
    reports: list[Any] = []
    while not reports:
        reports = ana.http.get(f"/v1/cases/{case_id}/reports").json()["reports"]
    assert len(reports) == 1


def test_turns_at_once_have_their_numbers(ana: Ana) -> None:
    """Twelve questions in one case: all answered, each numbered once, without a gap."""
    case_id = ana.case()
    wait = {"Prefer": "wait=100"}
    questions = [{"case_id": case_id, "message": f"Question {n}?"} for n in range(12)]
    answers = at_once([lambda q=q: ana.http.post("/v1/agent/chat", json=q, headers=wait) for q in questions])  # type: ignore[misc]

    assert {answer.status_code for answer in answers} == {200}
    messages = ana.http.get(f"/v1/cases/{case_id}/messages?limit=100").json()["messages"]
    for role in ("user", "agent"):
        assert sorted(m["turn_number"] for m in messages if m["role"] == role) == list(range(1, 13))


def test_a_length_that_is_too_short_cuts_the_body_and_no_more(ana: Ana) -> None:
    """What follows a body is another request, and no part of the first."""
    address = ana.server.url.removeprefix("http://").partition(":")
    token = ana.http.headers["Authorization"]
    with socket.create_connection((address[0], int(address[2])), timeout=60) as connection:
        connection.sendall(
            f"POST /v1/cases HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
            'Content-Length: 2\r\n\r\n{}{"title": "smuggled"}\r\n\r\n'.encode()
        )
        said = b""
        while piece := connection.recv(65536):
            said += piece

    assert said.startswith(b"HTTP/1.1 201 ")
    assert b"HTTP/1.1 400 " in said
    assert b"smuggled" not in said
