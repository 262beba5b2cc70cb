"""A process that may change nothing but what lies in one folder: the kernel's Landlock sees to that."""

import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_VERSION, _PATH_BENEATH = 1, 1
_NO_NEW_PRIVILEGES = 38

# linux/landlock.h: each version of it knows more. What only reads stays allowed everywhere.
_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14

DEVICES = "/dev"


def version() -> int:
    """Tell which version of Landlock the kernel has; below 3 it has none that could be used here."""
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION))


def confine(folder: str) -> None:
    """From now on let this process change nothing that isn't below a folder, whatever goes wrong in it.

    Without Landlock nothing happens.

    :raise OSError: the kernel doesn't do it, though it says that it can.
    """
    if version() < 3:
        return
    rights = _WRITE_FILE | _REMOVE_AND_MAKE | _REFER | _TRUNCATE
    libc = ctypes.CDLL(None, use_errno=True)
    ruleset = _done(libc.syscall(_CREATE_RULESET, struct.pack("=Q", rights), 8, 0))
    for allowed in (folder, DEVICES):
        beneath = os.open(allowed, os.O_PATH)
        _done(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0))
        os.close(beneath)
    _done(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _done(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
