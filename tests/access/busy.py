"""A process that changes the tokens of a storage until it is killed, saying what is done.

Started with the state folder, a name of its own and how often it is to go round (0: until it is killed). Each line
of its output is what a command would have told: `added NAME SECRET` or `revoked NAME`.
"""

import os
import sys
import time

from peerstor.access.database import Database
from peerstor.access.digests import SecretDigest
from peerstor.access.rights import Right
from peerstor.access.tokens import Tokens
from tests.access.scaffold import INSTANCE


def tokens_in(folder: bytes) -> Tokens:
    """Use the tokens of a state folder, synced as they are in earnest."""
    digest = SecretDigest(folder=folder, name=SecretDigest.name_for(INSTANCE))
    database = Database(path=Database.path_in(folder, INSTANCE), key=digest.path, fsync=True)
    return Tokens(database=database, digest=digest, wall=time.time)


def main(folder: bytes, own: str, rounds: int) -> None:
    """Add two and revoke one of them, over and over."""
    tokens, number = tokens_in(folder), 0
    while not rounds or number < rounds:
        number += 1
        for name in (f"{own}.{number}.a", f"{own}.{number}.b"):
            secret = tokens.add(name, Right.READ, (b"folder",), None)
            os.write(1, f"added {name} {secret}\n".encode())
        assert tokens.revoke(name)
        os.write(1, f"revoked {name}\n".encode())


if __name__ == "__main__":
    main(os.fsencode(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
