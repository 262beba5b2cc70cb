"""Scripts and styles as browsers get them: without what is for readers of the source alone."""

from rcssmin import cssmin
from rjsmin import jsmin

_MINIFIERS = {".js": jsmin, ".css": cssmin}


def slim(name: str, content: bytes) -> bytes:
    """Take comments and needless space out of a script or style of ours; leave other files as they are.

    Half of a script is what it says of itself. Nothing is renamed, so errors can still be found.
    """
    for suffix, minify in _MINIFIERS.items():
        if name.endswith(suffix):
            slimmed: str = minify(content.decode())
            return slimmed.encode()
    return content
