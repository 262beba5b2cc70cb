"""Scripts and styles as browsers get them: without what is for readers of the source alone."""

import re

# Our own style keeps this true: no text holds what looks like a comment, and none spans lines.
_COMMENTS = {
    ".js": re.compile(rb"/\*\*.*?\*/|^ *//.*?$", re.DOTALL | re.MULTILINE),
    ".css": re.compile(rb"/\*.*?\*/", re.DOTALL),
}
_MARGIN = re.compile(rb"^[ \n]+|[ ]+$", re.MULTILINE)


def slim(name: str, content: bytes) -> bytes:
    """Take comments and indentation out of a script or style of ours; leave other files as they are.

    Nearly half of a script is what it says of itself; nothing is renamed or joined, so what a browser tells of an
    error can still be found.
    """
    for suffix, comments in _COMMENTS.items():
        if name.endswith(suffix):
            return _MARGIN.sub(b"", comments.sub(b"", content))
    return content
