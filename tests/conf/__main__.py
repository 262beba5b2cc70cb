"""Writes the files in conf/ that tell the options anew."""

from tests.conf.written import WRITTEN


def main() -> None:
    """Write them all."""
    for path, write in WRITTEN.items():
        path.write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
