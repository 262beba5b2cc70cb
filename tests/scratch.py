"""Folders that a test may fill."""

import shutil
import tempfile

from twisted.trial.unittest import SynchronousTestCase


def scratch_folder(case: SynchronousTestCase) -> str:
    """Make an empty folder that is gone after `case`. (trial's own `mktemp` fills the working folder.)"""
    folder = tempfile.mkdtemp(prefix="peerstor-test-")
    case.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    return folder
