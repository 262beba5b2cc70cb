"""The inputs that are kept: made by hand, found by coverage, or once the proof of a fault."""

from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


def inputs(target: str) -> list[tuple[str, bytes]]:
    """Give name and content of each input of a target."""
    return [(file.name, file.read_bytes()) for file in sorted((FOLDER / target).glob("*"))]
