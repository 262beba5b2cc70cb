"""A house with share links."""

import base64
import json
import os
from typing import Any, ClassVar
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from tests.web.house import Answer, House

SECRET = "the owner's secret"
OWNER = {"Authorization": f"Bearer {SECRET}"}
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CANARY = b"canary"

BOUNDARY = "frontier"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def multipart(*files: tuple[str, bytes], **fields: str) -> bytes:
    """Write a form as browsers do."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, content in files:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"x:{password}".encode()).decode()}


class SharingCase(SynchronousTestCase):
    """A closed server with a shared folder, and what must never be seen beside it."""

    settings: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.house = House(**{"token": SECRET, **self.settings})
        self.addCleanup(self.house.close)
        self.house.put_file("shared/a.txt", b"0123456789")
        self.house.put_file("shared/sub/b.txt", b"deeper")
        for beside in ("canary.txt", "shared2/canary.txt", "shared.txt", "sub/b.txt"):
            self.house.put_file(beside, CANARY)
        os.symlink("../canary.txt", self.house.path("shared", "peep"))
        os.symlink("..", self.house.path("shared", "out"))
        os.symlink("/", self.house.path("shared", "root"))

    def api(self, method: str, target: str = "", body: Any = None, who: dict[str, str] | None = None) -> Answer:
        """Ask the API, as the owner."""
        headers, content = dict(OWNER if who is None else who), None
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        return self.house.ask(method, f"/api/shares{target}", content, headers)

    def share(self, path: str = "/shared", who: dict[str, str] | None = None, **fields: Any) -> str:
        """Make a share and give its address."""
        answer = self.api("POST", body={"path": path, **fields}, who=who)
        self.assertEqual(answer.status, 201, answer.body)
        self.id: str = answer.json["id"]
        return str(answer.json["href"])

    def told(self) -> Any:
        """Give what the API says of the last share."""
        return self.api("GET", f"/{self.id}").json

    def token(self, rights: Right, *parts: bytes, name: str = "ann") -> dict[str, str]:
        """Make a named token."""
        secret = self.house.keyring.tokens.add(name, rights, parts, None)
        self.house.clock.advance(1)
        return {"Authorization": f"Bearer {secret}"}

    def get(self, target: str, *headers: dict[str, str]) -> Answer:
        """GET as somebody without a token."""
        return self.ask("GET", target, None, *headers)

    def ask(self, method: str, target: str, body: bytes | None = None, *headers: dict[str, str]) -> Answer:
        merged: dict[str, str] = {}
        for one in headers:
            merged |= one
        return self.house.ask(method, target, body, merged)

    def unlock(self, address: str, password: str, **fields: str) -> Answer:
        """Send the password page's form."""
        target = address.replace("/-/s/", "/-/unlock/")
        return self.ask("POST", target, urlencode({"password": password, **fields}).encode(), FORM, HTML)

    def cookie(self, answer: Answer) -> dict[str, str]:
        """What the browser sends from then on."""
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
