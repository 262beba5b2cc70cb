"""The address as a QR code, for the camera of a phone, in letters that a terminal shows."""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import TextIO
from urllib.parse import urlsplit

BORDER = 4
"""Light modules around the code: what ISO/IEC 18004 wants, and some cameras need."""

# Two modules stand above each other in a letter; the ink is what is light, since most terminals are dark.
_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}

# Said in colours, white stays white on a light terminal as well.
_COLOURED, _PLAIN = "\x1b[0;97;40m", "\x1b[0m"


def qr_lines(address: str, *, coloured: bool) -> list[str]:
    """Draw the QR code of an address, in half blocks.

    :param address: in ASCII.
    :param coloured: whether to set the colours. Without them it is as its terminal is: right where that is dark,
        and inverted, which not every camera reads, where it is light.
    """
    # Not at the top: a code is drawn once, by a start that somebody looks at.
    import segno

    code = segno.make(address, error="m", micro=False)
    rows = [[not dark for dark in row] for row in code.matrix_iter(border=BORDER)]
    if len(rows) % 2:
        rows.append([True] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    lines = ["".join(_HALVES[halves] for halves in zip(*pair, strict=True)) for pair in pairs]
    return [f"{_COLOURED}{line}{_PLAIN}" for line in lines] if coloured else lines


def phone_address(addresses: Sequence[str]) -> str | None:
    """Choose the address that a phone would use: the first that isn't of this machine alone.

    :param addresses: as `Access at:` has them, the best first.
    """
    for address in addresses:
        host = urlsplit(address).hostname  # of a UNIX socket there is none
        if host and not ip_address(host).is_loopback:
            return address
    return None


def shows_code(output: TextIO, width: int) -> bool:
    """Tell whether something is a terminal in which so many columns have room."""
    try:
        return output.isatty() and os.get_terminal_size(output.fileno()).columns >= width
    except (OSError, ValueError):
        return False


def takes_colours(output: TextIO, environment: Mapping[str, str]) -> bool:
    """Tell whether something understands the colours of a terminal."""
    try:
        return output.isatty() and environment.get("TERM", "dumb") != "dumb"
    except ValueError:  # it is closed
        return False
