"""Brings the catalogues of texts up to date with the code: what is new waits there to be said."""

from tests.texts.extraction import CATALOGUES, catalogue, update


def main() -> None:
    """Update them all, and tell how much there is to do."""
    for language, path in CATALOGUES.items():
        update(language)
        missing = [message.id for message in catalogue(language) if message.id and not message.string]
        print(f"{path}: {len(missing)} texts to translate")


if __name__ == "__main__":
    main()
