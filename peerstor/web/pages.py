"""The pages that people see, and the files that those need."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from peerstor.errors import NotFound
from peerstor.http.media import media_type
from peerstor.http.phrases import phrase
from peerstor.http.request import StreamingRequest
from peerstor.web.display import visible
from peerstor.web.headers import set_page_headers
from peerstor.web.links import Links
from peerstor.web.slimming import slim
from peerstor.web.waysout import WayOut, way_out_of

if TYPE_CHECKING:  # see Pages._environment
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
        self.digest = hashlib.sha256(b"".join(k + v for k, v in sorted(self._static.items()))).hexdigest()[:16]
        self._way_out = WayOut(home=links.own("/"), back=links.own("/"), words="Back to all files")

    @cached_property
    def _environment(self) -> Environment:
        # Not at the top: a start is shorter without it. `peerstor.daemon.leanstart` has it imported soon after.
        from jinja2 import Environment, PackageLoader, select_autoescape

        made = Environment(
            loader=PackageLoader("peerstor.web", "templates"),
            autoescape=select_autoescape(default=True),
            auto_reload=False,  # or each page looks whether its templates' files have changed
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {"visible": visible}
        made.globals["static"] = lambda name: self._links.own(f"/-/static/{self.digest}/{name}")
        made.globals["own"] = self._links.own
        return made

    def static(self, digest: str, name: str) -> tuple[str, bytes]:
        """Give the media type and the bytes of a static file.

        :raise NotFound: there is none of that name, or it was another version's.
        """
        content = self._static.get(os.fsencode(name))
        if content is None or digest != self.digest:
            raise NotFound()
        return media_type(os.fsencode(name)), content

    def render(self, template: str, **values: Any) -> bytes:
        """Fill a template. Blocks for as long as that takes: call it in a thread where there is much to fill."""
        return self._environment.get_template(template).render(**values).encode("utf-8", "replace")

    def error(self, request: StreamingRequest, status: int, message: str) -> bytes:
        """Set the headers of, and give, a page that says in words what went wrong."""
        set_page_headers(request)
        title = phrase(status).decode()
        way_out = way_out_of(request) or self._way_out
        return self.render("error.html", status=status, title=title, message=message, way_out=way_out)


def _static_files() -> Mapping[bytes, bytes]:
    folder = files("peerstor.web") / "static"
    return MappingProxyType(
        {
            entry.name.encode(): slim(entry.name, entry.read_bytes())
            for entry in folder.iterdir()
            if entry.is_file()
        }
    )
