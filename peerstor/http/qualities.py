"""Qualities of what a client accepts, as werkzeug can read them."""

import re

# RFC 9110, section 12.4.2, lets a quality end in its point; werkzeug takes such a one for none, hence for 1.
_POINTED = re.compile(r"(;[ \t]*q=[01])\.(?=[ \t]*(?:[,;]|$))", re.IGNORECASE)


def readable(accepted: str) -> str:
    """Write the value of `Accept` or of one of its kin so that each quality is read as what it says."""
    return _POINTED.sub(r"\1", accepted)
