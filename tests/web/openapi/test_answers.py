"""What the server answers where all goes well, held against what the description says of it."""

import json
from typing import Any

import jsonschema_rs
from twisted.trial.unittest import SynchronousTestCase

from peerstor.web.openapi.document import OPERATIONS, description
from tests.web.house import Answer, House
from tests.web.shares.scaffold import FORM, HTML, MULTIPART, OWNER, SECRET, multipart

JSON = {"Accept": "application/json"}
SENT_JSON = {"Content-Type": "application/json"}
TOLD = description("", token_needed=True)
NAMED = {operation.name: operation for operation in OPERATIONS}
GOOD = {(operation.name, status) for operation in OPERATIONS for status in operation.answers if status < 400}
TOLD_OF = {
    "etag", "last-modified", "location", "link", "accept-ranges", "content-range", "content-disposition", "retry-after",
}  # fmt: skip
"""Headers that a program goes by: where one is sent it is told of."""


class GoodAnswers(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(token=SECRET)
        self.addCleanup(self.house.close)
        for name in ("report.txt", "photos/a.txt", "old/b.txt", "c.txt"):
            self.house.put_file(name)
        self.seen: set[tuple[str, int]] = set()

    def ask(self, name: str, target: str, status: int, body: bytes | None = None, **headers: str) -> Answer:
        """Ask for an operation by its name, and see that the answer is as the description has it."""
        operation = NAMED[name]
        sent = OWNER | JSON | {field.replace("_", "-"): value for field, value in headers.items()}
        answer = self.house.ask(operation.method, target, body if operation.method == "GET" else body or b"", sent)
        self.assertEqual(answer.status, status, (name, answer.body))
        told = TOLD["paths"][operation.path][operation.method.lower()]["responses"]
        self.assertIn(str(status), told, name)
        self.check(name, answer, told[str(status)])
        self.seen.add((name, status))
        return answer

    def check(self, name: str, answer: Answer, told: Any) -> None:
        """See that media type, JSON and headers are as told."""
        headers = {header.lower() for header in told["headers"]}
        self.assertEqual({header for header in answer.headers if header in TOLD_OF} - headers, set(), name)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        content = told.get("content", {})
        if answer.body:
            self.assertTrue({kind, "*/*"} & {*content}, (name, kind))
        if kind == "application/json" and kind in content:
            schema = {**content[kind]["schema"], "components": TOLD["components"]}
            errors = [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(answer.json)]
            self.assertEqual(errors, [], name)

    def read(self) -> None:
        for name, where in (("listFolder", "/photos/"), ("listFolderAtTop", "/")):
            for query in ("", "?limit=1", "?sort=size&order=desc", "?archive=zip", "?archive=tar"):
                self.ask(name, where + query, 200)
            self.ask(name, where, 200, Accept="text/plain")
            self.ask(name, where, 200, **HTML)
        tag = self.ask("getFile", "/report.txt", 200).headers["etag"]
        self.ask("getFile", "/report.txt?download", 200)
        self.ask("getFile", "/report.txt", 206, Range="bytes=0-1")
        self.ask("getFile", "/report.txt", 206, Range="bytes=0-1,3-4")
        self.ask("getFile", "/report.txt", 304, If_None_Match=tag)
        self.ask("getFile", "/photos", 307)
        self.ask("leadToFolder", "/photos", 307)
        self.ask("archive", "/api/archive?format=zip&dir=/photos", 200, b"name=a.txt", **FORM)

    def write(self) -> None:
        self.ask("putFile", "/new.txt", 201, b"new")
        self.ask("putFile", "/new.txt", 204, b"newer")
        form = multipart(("x.txt", b"x"))
        for name, where in (("storeForm", "/photos/"), ("storeFormAtTop", "/")):
            self.ask(name, where, 201, form, **MULTIPART)
            self.ask(name, where, 303, form, **MULTIPART | HTML)
        self.ask("deleteFile", "/new.txt", 204)
        self.ask("deleteFolder", "/old/", 204)

    def upload(self) -> None:
        target = "?dir=/&name=big.bin"
        self.ask("uploadOffset", f"/api/upload/offset{target}", 200)
        self.ask("uploadChunk", f"/api/upload/chunk{target}&offset=0", 200, b"12345")
        self.ask("uploadComplete", f"/api/upload/complete{target}&size=5", 200)
        self.ask("uploadAbandon", f"/api/upload/abandon{target}", 200)

    def act(self) -> None:
        self.ask("makeFolder", "/api/folder?path=/music", 201)
        self.ask("copy", "/api/copy?from=/photos/&to=/more", 201)
        self.ask("move", "/api/move?from=/c.txt&to=/d.txt", 200)
        gone = [self.ask("delete", f"/api/delete?path={path}", 200).json["trash"] for path in ("/d.txt", "/more/")]
        self.ask("listTrash", "/api/trash?limit=1", 200)
        self.ask("restore", f"/api/trash/restore?id={gone[0]}", 200)
        self.ask("purge", f"/api/trash/purge?id={gone[1]}", 200)

    def share(self) -> None:
        wish = {"path": "/photos", "expires": 60, "password": "p", "note": "n"}
        made = self.ask("makeShare", "/api/shares", 201, json.dumps(wish).encode(), **SENT_JSON).json
        self.ask("listShares", "/api/shares", 200)
        self.ask("getShare", f"/api/shares/{made['id']}", 200)
        self.ask("changeShare", f"/api/shares/{made['id']}", 200, b'{"expires": null}', **SENT_JSON)
        self.ask("revokeShare", f"/api/shares/{made['id']}", 204)

    def use_link(self) -> None:
        wish = json.dumps({"path": "/photos", "mode": "upload"}).encode()
        below = self.ask("makeShare", "/api/shares", 201, wish, **SENT_JSON).json["href"] + "/upload"
        self.ask("linkOffset", f"{below}/offset?name=big.bin", 200)
        self.ask("linkChunk", f"{below}/chunk?name=big.bin&offset=0", 200, b"12345")
        self.ask("linkComplete", f"{below}/complete?name=big.bin&size=5&sender=ann&note=n", 200)
        self.ask("linkAbandon", f"{below}/abandon?name=big.bin", 200)

    def look(self) -> None:
        tag = self.ask("description", "/api/openapi.json", 200).headers["etag"]
        self.ask("description", "/api/openapi.json", 304, If_None_Match=tag)
        tag = self.ask("events", "/api/events?path=/photos/&path=/nothing/", 200).headers["etag"]
        self.ask("events", "/api/events?path=/photos/&path=/nothing/", 304, If_None_Match=tag)
        self.ask("me", "/api/me", 200)
        self.ask("health", "/-/health", 200)
        self.ask("metrics", "/-/metrics", 200)

    def test_every_operation(self) -> None:
        """Each operation gives each good answer that it is said to give, with what is told of it and nothing else."""
        for part in (self.read, self.write, self.upload, self.act, self.share, self.use_link, self.look):
            part()
        self.assertEqual(GOOD - self.seen, set(), "these have to be asked for above")
