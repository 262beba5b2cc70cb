"""One operation of the API: a method of an address, what it takes and what it answers."""

from collections.abc import Mapping

from attrs import field, frozen

from peerstor import errors
from peerstor.access.rights import Right, single
from peerstor.web.openapi.refusals import Json, Refusal, refusals

_SAFE = ("GET", "HEAD")

OF_LINKS: list[Json] = [{}, {"basic": []}]
"""What one comes to a link with: nothing more, or its password."""


@frozen
class Answer:
    """What an operation answers with one status.

    :param content: media types with their schemas; none for an answer without a body.
    :param headers: names with what they say; each by its name in `terms.HEADERS`.
    :param links: to what one can do next, as OpenAPI has them.
    """

    description: str
    content: Mapping[str, Json] = {}
    headers: Mapping[str, str] = {}
    links: Mapping[str, Json] = {}

    def told(self, *, body: bool = True) -> Json:
        """Describe it.

        :param body: whether the body is sent, which HEAD asks not to be.
        """
        refs = {"X-Request-ID": "RequestId", **self.headers}
        told: Json = {
            "description": self.description,
            "headers": {name: {"$ref": f"#/components/headers/{ref}"} for name, ref in refs.items()},
        }
        if body and self.content:
            told["content"] = {kind: {"schema": schema} for kind, schema in self.content.items()}
        if body and self.links:
            told["links"] = dict(self.links)
        return told


@frozen(kw_only=True)
class Operation:
    """A method of an address; GET brings HEAD with it, as in `Routes`.

    :param path: as OpenAPI spells it, with parameters in braces.
    :param name: unique, for generated clients.
    :param needs: the right that the route declares; of several, one is enough.
    :param body: the request's, as OpenAPI has it; None for none.
    :param faults: what it may be refused with, beside what any may be.
    :param by_link: whether it is open to whoever has a share link, and to no token.
    :param pages: whether errors come as text or pages as well.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    needs: Right
    answers: Mapping[int, Answer]
    description: str = ""
    parameters: tuple[Json, ...] = ()
    body: Json | None = None
    faults: tuple[type[errors.Fault], ...] = field(default=())
    by_link: bool = False
    pages: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The method, and HEAD beside GET."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def refusals(self) -> list[Refusal]:
        """What it may be refused with."""
        faults = list(self.faults)
        if self.by_link:
            faults += [errors.PasswordNeeded, errors.NotFound]
        elif self.needs:
            faults += [errors.LoginNeeded, errors.Forbidden]
        if self.method not in _SAFE:
            faults.append(errors.CrossSite)
        return refusals(faults)

    def told(self, method: str, security: list[Json]) -> Json:
        """Describe it with one of its methods.

        :param security: what whoever needs a right has to come with.
        """
        head = method == "HEAD"
        told: Json = {
            "operationId": f"{self.name}Head" if head else self.name,
            "tags": [self.tag],
            "summary": f"{self.summary.rstrip('.')} (the headers alone)" if head else self.summary,
            "description": f"{self.description} {self._who()}".strip(),
            "security": OF_LINKS if self.by_link else security if self.needs else [],
            "parameters": list(self.parameters),
            "responses": {str(status): answer.told(body=not head) for status, answer in self.answers.items()},
        }
        if self.body is not None:
            told["requestBody"] = self.body
        for refusal in self.refusals:
            status = str(refusal.status)
            if head:
                told["responses"].setdefault(status, Answer(refusal.description).told())
            elif status in told["responses"]:  # health's own 503
                told["responses"][status]["content"] = _both(told["responses"][status], refusal, pages=self.pages)
            else:
                told["responses"][status] = {"$ref": f"#/components/responses/{self.component(refusal)}"}
        return told

    def _who(self) -> str:
        """Say who may ask for it."""
        if self.by_link:
            return "Needs the link, and its password where it has one."
        rights = " or ".join(f"`{str(right.name).lower()}`" for right in single(self.needs))
        return rights and f"Needs the right {rights}."

    def component(self, refusal: Refusal) -> str:
        """Give the name under which one of its refusals is among the document's components."""
        return f"{refusal.name}-page" if self.pages else refusal.name


def _both(told: Json, refusal: Refusal, *, pages: bool) -> Json:
    """Join two kinds of answers with one status."""
    content: Json = refusal.told(pages=pages)["content"]
    for kind, known in told.get("content", {}).items():
        either = [known["schema"], content[kind]["schema"]] if kind in content else [known["schema"]]
        content[kind] = {"schema": {"anyOf": either}}
    return content


def parameter(
    name: str, description: str, schema: Json, *, where: str = "query", required: bool = False, **more: object
) -> Json:
    """Describe a parameter."""
    return {
        "name": name,
        "in": where,
        "required": required or where == "path",
        "description": description,
        "schema": schema,
        **more,
    }


def ref(schema: str) -> Json:
    """Refer to a schema by its name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def json(schema: Json) -> dict[str, Json]:
    """Say that content is JSON of a schema."""
    return {"application/json": schema}
