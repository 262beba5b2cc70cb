"""Qualities of what a client accepts, as werkzeug can read them."""

import re

# RFC 9110, section 12.4.2, lets a quality end in its point; werkzeug takes such a one for none, hence for 1.
_POINTED = re.compile(r"(;[ \t]*q=[01])\.(?=[ \t]*(?:[,;]|$))", re.IGNORECASE)


_BLANKS = re.compile(r"[ \t]{2,}")


def readable(accepted: str) -> str:
    """Write the value of `Accept` or of one of its kin so that each quality is read as what it says.

    Of several blanks one is left, which says the same: werkzeug takes the square of their number to read them.
    """
    return _POINTED.sub(r"\1", _BLANKS.sub(" ", accepted))
