"""The description of the API: whole, well-formed, and of the server that there is."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import jsonschema_rs
import schemathesis
from attrs import NOTHING, fields
from twisted.trial.unittest import SynchronousTestCase

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.http.phrases import phrase
from peerstor.sentences import Sentence
from peerstor.web.counts import WebCounts
from peerstor.web.errors import EARLY, TABLE, Errors, refusal_body
from peerstor.web.openapi.document import OPERATIONS, TAGS, description
from peerstor.web.openapi.refusals import Json, schema_name
from peerstor.web.pages import Pages
from tests.web.test_every_route import routes

TREE = {"/": "/", "/{folder}/": "/", "/{file}": "/"}
"""Addresses of the description that are one rule of the router: which entry is meant, only the storage says."""

SAMPLES: dict[Any, Any] = {
    int: 7,
    str: "a text",
    Sentence: "a text",
    int | None: 7,
    tuple[str, ...]: ("GET", "HEAD"),
}
"""A value for each type that a field of a fault has."""


def rule_of(path: str) -> str:
    """Give the router's rule for an address as the description spells it."""
    return TREE.get(path) or re.sub(r"\{(\w+)\}", r"<\1>", path)


def sample(fault: type[errors.Fault]) -> errors.Fault:
    """Make a fault that says all it can."""
    return fault(**{field.name: SAMPLES[field.type] for field in fields(fault)})


def least(fault: type[errors.Fault]) -> errors.Fault:
    """Make a fault that says no more than it must."""
    return fault(**{field.name: SAMPLES[field.type] for field in fields(fault) if field.default is NOTHING})


def inside(value: Any) -> Iterator[dict[str, Any]]:
    """Find every object of a JSON text."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(one)


class Whole(SynchronousTestCase):
    """If one of these fails for a new route: see `peerstor/web/openapi/__init__.py` for how it is told of."""

    def setUp(self) -> None:
        self.described = {
            (rule_of(operation.path), method): operation.needs
            for operation in OPERATIONS
            for method in operation.methods
        }

    def test_every_route(self) -> None:
        """Every route for programs is described: all below `/api/`, the tree, and the upload API of links."""
        for rule, method in routes():
            if (rule == "/" or rule.startswith(("/api/", "/-/s/<share>/upload/"))) and method != "OPTIONS":
                self.assertIn((rule, method), self.described)

    def test_nothing_else(self) -> None:
        """What is described is there, and needs the right that it is said to need."""
        for key, needs in self.described.items():
            self.assertEqual(routes().get(key), needs, key)

    def test_names(self) -> None:
        """Programs that are made from it find one name for each operation, and each under a heading."""
        names = [operation.name for operation in OPERATIONS]
        self.assertEqual(sorted(names), sorted({*names}))
        self.assertEqual({operation.tag for operation in OPERATIONS}, {*TAGS})
        for operation in OPERATIONS:
            self.assertRegex(operation.name, "^[a-z][A-Za-z]+$")
            self.assertRegex(operation.summary, r"^[A-Z].*\.$")

    def test_rights_in_words(self) -> None:
        """People read which right they need."""
        told = description("", token_needed=True)["paths"]
        self.assertIn("Needs the right `change`.", told["/api/delete"]["post"]["description"])
        self.assertIn("Needs the right `read` or `create`.", told["/"]["get"]["description"])


class Form(SynchronousTestCase):
    def setUp(self) -> None:
        self.told = description("/files", token_needed=True)

    def test_valid(self) -> None:
        """It is OpenAPI."""
        schemathesis.openapi.from_dict(self.told).validate()

    def test_schemas(self) -> None:
        """Its schemas are JSON Schema."""
        for name, schema in self.told["components"]["schemas"].items():
            self.assertIsNone(jsonschema_rs.meta.validate(schema), name)

    def test_references(self) -> None:
        """Everything that is referred to is there, and all that is there is referred to."""
        named = {ref for part in inside(self.told) for ref in (part.get("$ref"),) if isinstance(ref, str)}
        named |= {ref for part in inside(self.told) for ref in part.get("mapping", {}).values()}
        known = {
            f"#/components/{kind}/{name}"
            for kind, things in self.told["components"].items()
            if kind != "securitySchemes"
            for name in things
        }
        self.assertEqual(named, known)

    def test_base(self) -> None:
        """Addresses lie below the base path."""
        self.assertEqual(self.told["servers"], [{"url": "/files"}])
        self.assertEqual(description("", token_needed=True)["servers"], [{"url": "/"}])

    def test_who_may(self) -> None:
        """It says whether one can come without a token; what is open to everybody never asks for one."""
        by_hand = description("", token_needed=False)["paths"]
        self.assertNotIn({}, self.told["paths"]["/"]["get"]["security"])
        self.assertIn({}, by_hand["/"]["get"]["security"])
        for paths in (self.told["paths"], by_hand):
            self.assertEqual(paths["/-/health"]["get"]["security"], [])
            self.assertEqual(paths["/-/s/{share}/upload/chunk"]["post"]["security"], [{}, {"basic": []}])

    def test_links(self) -> None:
        """A link leads to an operation that takes what it hands over."""
        operations = {
            operation["operationId"]: operation
            for path in self.told["paths"].values()
            for operation in path.values()
        }
        links = [link for part in inside(self.told["paths"]) for link in part.get("links", {}).values()]
        self.assertTrue(links)
        for link in links:
            taken = {parameter["name"] for parameter in operations[link["operationId"]]["parameters"]}
            self.assertLessEqual({*link["parameters"]}, taken)


class Refusals(SynchronousTestCase):
    def setUp(self) -> None:
        self.told = description("", token_needed=True)

    def fits(self, schema: str, body: Json) -> bool:
        """Tell whether a body is as a schema of the description has it."""
        root = {"$ref": f"#/components/schemas/{schema}", "components": self.told["components"]}
        return bool(jsonschema_rs.validator_for(root).is_valid(json.loads(json.dumps(body))))

    def test_every_code(self) -> None:
        """What a client is told of each fault is as the description has it, under the fault's own code."""
        answered = Errors(pages=cast(Pages, None), counts=WebCounts())
        for kind, row in TABLE.items():
            for fault in (sample(kind), least(kind)):
                body = answered.told(fault) | ({"id": "0"} if row.status >= 500 else {})
                self.assertTrue(self.fits(schema_name(row.code), body), body)
                self.assertTrue(self.fits("Error", body), body)
                self.assertFalse(self.fits("Error", body | {"error": "unheard_of"}), body)
                self.assertFalse(self.fits(schema_name(row.code), {"error": row.code}), row.code)

    def test_fields(self) -> None:
        """What a program goes on with is promised: an offset where a chunk is refused for its offset."""
        for code in ("offset_mismatch", "busy", "other_upload"):
            self.assertFalse(self.fits(schema_name(code), {"error": code, "message": "A text."}), code)

    def test_early(self) -> None:
        """So are the answers to what could not be read as a request."""
        for status in EARLY:
            self.assertTrue(self.fits("Error", json.loads(refusal_body(status)[1])), phrase(status))

    def test_everywhere(self) -> None:
        """Every operation tells what any may be refused with; those that need a right, what is said without it."""
        for operation in OPERATIONS:
            codes = {code for refusal in operation.refusals for code in refusal.codes}
            self.assertLessEqual({"bad_request", "internal", "wrong_host", "overloaded"}, codes, operation.name)
            wanting = {"password_needed"} if operation.by_link else {"login_needed", "forbidden"}
            told = {"password_needed", "login_needed", "forbidden"} & codes
            self.assertEqual(told, wanting if operation.needs is not Right.NONE else set(), operation.name)
            self.assertEqual("cross_site" in codes, operation.method != "GET", operation.name)
