"""The pages that people see, and the files that those need."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from peerstor.errors import NotFound
from peerstor.http.media import media_type
from peerstor.http.request import StreamingRequest
from peerstor.sentences import Sentence
from peerstor.web.display import visible
from peerstor.web.headers import set_page_headers
from peerstor.web.links import Links
from peerstor.web.slimming import slim
from peerstor.web.texts.catalogues import Catalogues, Texts
from peerstor.web.texts.languages import wanted_language
from peerstor.web.titles import title_of
from peerstor.web.waysout import WayOut, way_out_of

if TYPE_CHECKING:  # see Pages._made_for
    from jinja2 import Environment


class Pages:
    """Templates, and static files that are read once when the process starts.

    The address of a static file holds a digest of all of them, so that it may be kept for ever and still is never
    the wrong one.
    """

    def __init__(self, *, links: Links) -> None:
        """Read the static files.

        :param links: of the server, for what every page links to.
        """
        self._links = links
        self._static = _static_files()
        self._catalogues = Catalogues()
        self._environments: dict[str, Environment] = {}
        content = dict(self._static) | {k.encode(): v for k, v in self._catalogues.sources.items()}
        self.digest = hashlib.sha256(b"".join(k + v for k, v in sorted(content.items()))).hexdigest()[:16]
        words = Sentence("Back to all files")
        self._way_out = WayOut(home=links.own("/"), back=links.own("/"), words=words)

    def static(self, digest: str, name: str) -> tuple[str, bytes]:
        """Give the media type and the bytes of a static file.

        :raise NotFound: there is none of that name, or it was another version's.
        """
        content = self._static.get(os.fsencode(name)) or self._texts_script(name)
        if content is None or digest != self.digest:
            raise NotFound()
        return media_type(os.fsencode(name)), content

    def texts(self, request: StreamingRequest) -> Texts:
        """Give the texts of the language that whoever makes a request understands best."""
        return self.texts_in(wanted_language(request.requestHeaders, self._catalogues.offered))

    def texts_in(self, language: str) -> Texts:
        """Give the texts of a language that there is."""
        return self._catalogues.of(language)

    def head(self, request: StreamingRequest) -> Texts:
        """Set the headers of a page, and give the texts of its language."""
        texts = self.texts(request)
        set_page_headers(request)
        request.setHeader(b"content-language", texts.language.encode())
        if b"Accept-Language" not in request.responseHeaders.getRawHeaders(b"vary", []):
            request.responseHeaders.addRawHeader(b"vary", b"Accept-Language")
        return texts

    def answer(self, request: StreamingRequest, template: str, **values: Any) -> bytes:
        """Set the headers of a page, and give it.

        :param values: what the template asks for.
        """
        body = self.render(self.head(request).language, template, **values)
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def render(self, language: str, template: str, **values: Any) -> bytes:
        """Fill a template. Blocks for as long as that takes: call it in a thread where there is much to fill."""
        made = self._environments.get(language) or self._made_for(self._catalogues.of(language))
        return made.get_template(template).render(**values).encode("utf-8", "replace")

    def error(self, request: StreamingRequest, status: int, message: str) -> bytes:
        """Set the headers of, and give, a page that says in words what went wrong.

        :param message: in the language of `texts`.
        """
        texts, title = self.head(request), title_of(status)
        way_out = way_out_of(request) or self._way_out
        return self.render(
            texts.language, "error.html", status=status, title=title, message=message, way_out=way_out
        )

    def _made_for(self, texts: Texts) -> Environment:
        """Make what fills the templates in a language: one for each, since a compiled template has its texts."""
        # Not at the top: a start is shorter without it. `peerstor.daemon.leanstart` has it imported soon after.
        from jinja2 import Environment, PackageLoader, select_autoescape

        made: Any = Environment(
            loader=PackageLoader("peerstor.web", "templates"),
            autoescape=select_autoescape(default=True),
            auto_reload=False,  # or each page looks whether its templates' files have changed
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)
        made.filters |= {"visible": visible, "said": texts.say, "spelled": texts.spelled}
        made.globals["static"] = lambda name: self._links.own(f"/-/static/{self.digest}/{name}")
        made.globals |= {"own": self._links.own, "language": texts.language}
        made.policies["ext.i18n.trimmed"] = True
        self._environments[texts.language] = made
        return made  # type: ignore[no-any-return]

    def _texts_script(self, name: str) -> bytes | None:
        """Make the script that teaches the others a language: `texts.de.js`."""
        language = name.removeprefix("texts.").removesuffix(".js")
        known = name == f"texts.{language}.js" and language in self._catalogues.offered
        return (self._catalogues.of(language).script or None) if known else None


def _static_files() -> Mapping[bytes, bytes]:
    folder = files("peerstor.web") / "static"
    return MappingProxyType(
        {
            entry.name.encode(): slim(entry.name, entry.read_bytes())
            for entry in folder.iterdir()
            if entry.is_file()
        }
    )
