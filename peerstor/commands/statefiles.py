"""Which files a storage's state consists of, by what they are called in a backup."""

import os

from peerstor.access.database import MIGRATIONS, Database
from peerstor.access.digests import SecretDigest
from peerstor.daemon.selfsigned import certificate_file
from peerstor.uploads.ledger import VERSION, Ledger

KNOWN = {"uploads.sqlite": VERSION, "access.sqlite": len(MIGRATIONS)}
"""The newest versions of the databases' schemas that this PeerStor knows."""


def state_files(folder: bytes, instance_id: str) -> dict[str, bytes]:
    """Give the paths of a storage's state, whether they are there or not.

    :param folder: where its state lies.
    :param instance_id: of the storage, 32 hex digits.
    """
    return {
        "uploads.sqlite": Ledger.path_in(folder, instance_id),
        "access.sqlite": Database.path_in(folder, instance_id),
        "access.key": os.path.join(folder, SecretDigest.name_for(instance_id)),
        "tls.pem": os.path.join(folder, certificate_file(instance_id)),
    }
