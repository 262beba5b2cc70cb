"""The files in conf/ that tell the options, and who writes them."""

from collections.abc import Callable
from pathlib import Path

from tests.conf.bash import completion
from tests.conf.manual import manual
from tests.conf.sample import sample

CONF = Path(__file__).parent.parent.parent / "conf"

WRITTEN: dict[Path, Callable[[], str]] = {
    CONF / "peerstor.toml": sample,
    CONF / "peerstor.1": manual,
    CONF / "peerstor.bash": completion,
}
