"""The ledger held against the server: is everything there, once, and as it was promised?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from attrs import define, field

from .client import Client, Refused
from .findings import Findings
from .ledger import Asked, Kind, Ledger


@define(eq=False)
class Checker:
    """Looks through the same doors as any client. Its own refusals are no complaint: it asks for what may be lost."""

    base: str
    findings: Findings = field(factory=Findings)
    _clients: dict[str, Client] = field(factory=dict)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def there(self, some: Iterable[Asked]) -> None:
        """Each acknowledged thing is there with its content, and no search shows half a document.

        Raises: Unanswered when the server goes meanwhile.
        """
        looks = {
            Kind.USER: self._user,
            Kind.SESSION: self._session,
            Kind.CASE: self._case,
            Kind.DOCUMENT: self._document,
            Kind.EVIDENCE: self._evidence,
            Kind.TURN: self._turn,
            Kind.CLOSING: self._closing,
        }
        for asked in some:
            self.findings.looked += 1
            try:
                looks[asked.kind](asked)
            except Refused as refused:
                self._lost(asked, str(refused))

    def once(self, ledger: Ledger) -> None:
        """Nothing is there twice, acknowledged or not, and what was not acknowledged is there whole or not at all."""
        asked_by: dict[str, list[Asked]] = defaultdict(list)
        for asked in ledger.all():
            asked_by[asked.owner].append(asked)
        known = {asked.name for asked in ledger.acknowledged(Kind.USER)}
        for owner, asked_for in asked_by.items():
            if owner in known:
                self._owners(owner, asked_for)

    def jobs(self, some: Iterable[Asked]) -> dict[str, dict[str, Any]]:
        """The acknowledged jobs as they stand, by their id."""
        found = {}
        for asked in some:
            if asked.job_id is not None:
                try:
                    found[asked.job_id] = self.client(asked.owner).call("GET", f"/v1/jobs/{asked.job_id}")
                except Refused as refused:
                    self._lost(asked, f"its job: {refused}")
        return found

    def client(self, owner: str) -> Client:
        if owner not in self._clients:
            client = Client(self.base, Ledger())
            client.log_in(owner)
            self._clients[owner] = client
        return self._clients[owner]

    # --- one by one

    def _user(self, asked: Asked) -> None:
        if self.client(asked.owner).call("GET", "/v1/auth/me")["user_id"] != asked.id:
            self._lost(asked, "the account is another")

    def _session(self, asked: Asked) -> None:
        if self._get(asked, f"/v1/sessions/{asked.id}")["client_id"] != asked.name:
            self._lost(asked, "the session is another")

    def _case(self, asked: Asked) -> None:
        if self._get(asked, f"/v1/cases/{asked.id}")["title"] != asked.name:
            self._lost(asked, "the case has another title")

    def _closing(self, asked: Asked) -> None:
        if (status := self._get(asked, f"/v1/cases/{asked.id}")["status"]) != "closed":
            self._lost(asked, f"the case is {status}")
        if asked.shown is not None:
            texts = [report["content"] for report in self._get(asked, f"/v1/cases/{asked.id}/reports")["reports"]]
            if texts != [asked.shown]:
                self._lost(asked, f"the post-mortem that was shown is not the one of {len(texts)}")

    def _document(self, asked: Asked) -> None:
        found = self._searched(asked)
        document = self._get(asked, f"/v1/knowledge/documents/{asked.id}")
        status, content = document["status"], document["content"].strip()
        if document["title"] != asked.name:
            self._lost(asked, f"the title is {document['title']}")
        if content != asked.content.strip() and (content or status == "ready"):
            self._lost(asked, f"the text has {len(content)} characters of {len(asked.content.strip())}, {status}")
        # Asked in this order, a document that is found has been indexed by the time its row is read.
        if found and status != "ready":
            self.findings.half[f"{asked} is found while {status}"] = None

    def _evidence(self, asked: Asked) -> None:
        record = self._get(asked, f"/v1/evidence/{asked.id}/metadata")
        if (record["filename"], record["case_id"]) != (asked.name, asked.case_id):
            self._lost(asked, f"it is {record['filename']} of {record['case_id']}")
        content = self.client(asked.owner).content(f"/v1/evidence/{asked.id}")
        if sha256(content).hexdigest() != asked.content:
            self._lost(asked, f"the file has other bytes, {len(content)}")

    def _turn(self, asked: Asked) -> None:
        turn = self._get(asked, f"/v1/agent/chat/{asked.job_id}")
        if asked.shown is not None and turn.get("content") != asked.shown:
            self._lost(asked, f"the answer that was shown is {turn['status']} now, and another")

    # --- everything of an owner

    def _owners(self, owner: str, asked_for: list[Asked]) -> None:
        documents = Counter(
            document["title"] for document in self._listed(owner, "/v1/knowledge/documents", "documents")
        )
        cases = self._listed(owner, "/v1/cases", "cases")
        evidence = Counter(item["filename"] for item in self._listed(owner, "/v1/evidence", "evidence"))
        titles = Counter(case["title"] for case in cases)
        for kind, counted in ((Kind.DOCUMENT, documents), (Kind.CASE, titles), (Kind.EVIDENCE, evidence)):
            for asked in asked_for:
                if asked.kind is kind:
                    self._counted(asked, counted[asked.name])
        ended = {asked.case_id for asked in asked_for if asked.kind is Kind.CLOSING and asked.acknowledged}
        for case in cases:
            turns = [asked for asked in asked_for if asked.kind is Kind.TURN and asked.case_id == case["case_id"]]
            self._conversation(owner, case["case_id"], turns)
            if case["case_id"] in ended:
                self._post_mortem(owner, case, documents)

    def _conversation(self, owner: str, case_id: str, turns: list[Asked]) -> None:
        """One question and one answer of each turn, the answer being its own."""
        messages = list(self._listed(owner, f"/v1/cases/{case_id}/messages", "messages"))
        questions = Counter(m["content"] for m in messages if m["role"] == "user")
        jobs = {m["content"]: m["metadata"]["job_id"] for m in messages if m["role"] == "user"}
        answers = Counter(m["metadata"]["job_id"] for m in messages if m["role"] != "user")
        for asked in turns:
            self._counted(asked, questions[asked.name])
            if asked.name in jobs and (count := answers[jobs[asked.name]]) != 1:
                wrong = self.findings.lost if count == 0 else self.findings.doubled
                wrong[f"{asked} has {count} answers"] = None
        if strange := set(questions) - {asked.name for asked in turns}:
            self.findings.doubled[f"case {case_id} holds questions nobody asked: {sorted(strange)}"] = None

    def _post_mortem(self, owner: str, case: dict[str, Any], documents: Counter[str]) -> None:
        reports = list(self._listed(owner, f"/v1/cases/{case['case_id']}/reports", "reports"))
        for what, count in (("reports", len(reports)), ("runbooks", documents[f"Post-mortem: {case['title']}"])):
            if count != 1:
                wrong = self.findings.lost if count == 0 else self.findings.doubled
                wrong[f"case {case['case_id']} of {owner} has {count} {what} of its post-mortem"] = None

    def _counted(self, asked: Asked, count: int) -> None:
        if count > 1:
            self.findings.doubled[f"{asked} is there {count} times"] = None
        if count == 0 and asked.acknowledged:
            self._lost(asked, "it is in no list")

    # --- how

    def searchable(self, some: Iterable[Asked]) -> None:
        """Documents whose jobs have completed are found by their word."""
        for asked in some:
            if not self._searched(asked):
                self._lost(asked, "no search finds it")

    def _searched(self, asked: Asked) -> bool:
        body = {"query": asked.name.split()[-1], "limit": 5, "search_mode": "keyword"}
        found = self.client(asked.owner).call("POST", "/v1/knowledge/search", json=body)
        return any(hit["document_id"] == asked.id for hit in found["results"])

    def _get(self, asked: Asked, path: str) -> Any:
        return self.client(asked.owner).call("GET", path)

    def _listed(self, owner: str, path: str, name: str) -> list[dict[str, Any]]:
        return list(self._pages(owner, path, name))

    def _pages(self, owner: str, path: str, name: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self.client(owner).call("GET", f"{path}?limit=100&offset={offset}")
            yield from page[name]
            offset += 100
            if not page["has_more"]:
                return

    def _lost(self, asked: Asked, why: str) -> None:
        self.findings.lost[f"{asked}: {why}"] = None
