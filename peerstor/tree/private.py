"""The folder `.peerstor` at the root of a storage: unfinished uploads, the trash, the cache, the lock."""

import contextlib
import errno
import fcntl
import os
import re
import secrets
from typing import Self

from attrs import define, field

from peerstor.errors import StartupError, StorageUnavailable
from peerstor.tree.syncing import sync_folder

NAME = b".peerstor"

RESTORING = b"restoring"
"""A file in it that is there while the state is exchanged for a backup's: some of it may be the old one's."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC
_INSTANCE = re.compile(r"[0-9a-f]{32}\Z")


@define(eq=False)
class PrivateFolder:
    """The open private folder of one storage, and the claim on it.

    What lies in it: `parts/` (bytes of unfinished uploads), `trash/` (what was deleted or replaced), `cache/`
    (what can be made anew), `instance` (a random id by which the storage is known again when it returns after an
    absence) and `lock` (held by the process that serves it, whose id it contains). Only its owner can look into it
    (mode 0700).

    The numbers of the descriptors stay the same for as long as it is open, also when the storage went away and
    came back: another thread may be about to use one.

    :ivar cache_fd: negative where the disk had no room for even that folder.
    :ivar storage: the storage folder's path as its owner knows it, for messages only.
    """

    storage: bytes
    instance_id: str
    _fd: int
    parts_fd: int
    trash_fd: int
    cache_fd: int
    _lock_fd: int
    _locked: bool = field(default=False, init=False)

    @classmethod
    def open(cls, root_fd: int, *, storage: bytes = b"") -> Self:
        """Make what is missing of the private folder and open it. Blocks.

        :param root_fd: the open storage folder; still the caller's to close.
        :param storage: its path, for messages.
        :raise StartupError: it cannot be made, opened or written; the reason is one line for the owner.
        """
        opened: list[int] = []
        try:
            _open_all(root_fd, opened)
            fd, parts_fd, trash_fd, lock_fd, *cache = opened
            instance_id = _read_instance(fd)
            if instance_id is None:
                instance_id = _make_instance(fd)
                # What is brought to the disk in it later must not lie in a folder that isn't there.
                sync_folder(fd)
                sync_folder(root_fd)
        except OSError as error:
            for fd in opened:
                os.close(fd)
            raise StartupError(
                f"The storage {os.fsdecode(storage)} cannot be used: "
                f"{error.strerror} (its folder .peerstor). Check its owner, its rights and the disk."
            ) from error
        return cls(
            storage=storage,
            instance_id=instance_id,
            fd=fd,
            parts_fd=parts_fd,
            trash_fd=trash_fd,
            cache_fd=next(iter(cache), -1),
            lock_fd=lock_fd,
        )

    @property
    def fd(self) -> int:
        """Descriptor of the folder itself."""
        return self._fd

    @property
    def identity(self) -> tuple[int, int]:
        """(device, inode) of the folder."""
        return _identity(self._fd)

    @property
    def identities(self) -> frozenset[tuple[int, int]]:
        """(device, inode) of the folder and of its sub-folders: by whatever name one is met, it is private."""
        return frozenset(_identity(fd) for fd in self._folders if fd >= 0)

    @property
    def _folders(self) -> tuple[int, ...]:
        return self._fd, self.parts_fd, self.trash_fd, self.cache_fd

    def acquire_lock(self, *, restoring: bool = False) -> None:
        """Claim the storage for this process until `release`, `close` or the process's end.

        The claim is `flock`, which a fork inherits and a crash cannot leave behind; the process id in the file
        is for people only.

        :param restoring: whether a restore that was cut off is about to be done again.
        :raise StartupError: another process holds it, the file system has no locks, or a restore was cut off.
        """
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(
                f"The storage {os.fsdecode(self.storage)} is already served by {self._holder()}. "
                "Stop that one first, or choose another folder with --storage."
            ) from None
        except OSError as error:
            raise StartupError(
                f"The storage {os.fsdecode(self.storage)} cannot be locked: {error.strerror}."
            ) from error
        if not restoring and self.restoring:
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)
            raise StartupError(
                f"A restore into the storage {os.fsdecode(self.storage)} was cut off. Do it again, whatever is"
                " there by now: peerstor restore FILE --force."
            )
        self._locked = True
        # Two processes that began in the same moment may both have made an id: the file's is the one that counts.
        self.instance_id = _read_instance(self._fd) or self.instance_id
        self.write_pid()

    @property
    def restoring(self) -> bool:
        """Whether the state is being exchanged for a backup's, or that was cut off."""
        try:
            os.stat(RESTORING, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def begin_restoring(self) -> None:
        """Note that the state is about to be exchanged; durable. Nobody else claims the storage before the end."""
        os.close(os.open(RESTORING, os.O_WRONLY | os.O_CREAT | _FILE, 0o600, dir_fd=self._fd))
        os.fsync(self._fd)

    def end_restoring(self) -> None:
        """Note that the state is whole again; durable. Where nothing else was noted, that is so already."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(RESTORING, dir_fd=self._fd)
        os.fsync(self._fd)

    def adopt(self, instance_id: str) -> None:
        """Be known by the id of another folder, whose state moves in here; durable.

        :param instance_id: 32 hex digits.
        """
        self.instance_id = _make_instance(self._fd, instance_id)
        os.fsync(self._fd)

    def write_pid(self) -> None:
        """Note this process's id in the lock file, as is due again after a fork."""
        os.ftruncate(self._lock_fd, 0)
        os.pwrite(self._lock_fd, b"%d\n" % os.getpid(), 0)

    def recognise(self, root_fd: int) -> None:
        """Take the folder at `root_fd` for the same storage, come back, if it has the same id. Blocks.

        The descriptors are exchanged in place for those of the returned folder.

        :raise StorageUnavailable: it is another storage, or none, or another process holds it by now.
        """
        opened: list[int] = []
        try:
            instance_fd = os.open(NAME, _FOLDER, dir_fd=root_fd)
            opened.append(instance_fd)
            if _read_instance(instance_fd) != self.instance_id:
                raise StorageUnavailable(reason=f"Another folder lies at {os.fsdecode(self.storage)}.")
            os.close(opened.pop())
            _open_all(root_fd, opened)
            self._exchange(opened)
        except OSError as error:
            raise StorageUnavailable(reason=f"No storage at {os.fsdecode(self.storage)}: {error}.") from error
        finally:
            for fd in opened:
                os.close(fd)

    def release(self) -> None:
        """Give up the claim; the folder stays open."""
        if self._locked:
            self._locked = False
            os.ftruncate(self._lock_fd, 0)
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close every descriptor, which gives up the claim; once more does nothing."""
        fds = (*self._folders, self._lock_fd)
        self._fd = self.parts_fd = self.trash_fd = self.cache_fd = self._lock_fd = -1
        self._locked = False
        for fd in fds:
            if fd >= 0:
                os.close(fd)

    def _holder(self) -> str:
        pid = os.pread(self._lock_fd, 32, 0).strip()
        return f"process {pid.decode()}" if pid.isdigit() else "another process"

    def _exchange(self, fresh: list[int]) -> None:
        fd, parts_fd, trash_fd, lock_fd, *cache = fresh
        # Our own lock, met by another way, would look like somebody else's.
        same_lock = _identity(lock_fd) == _identity(self._lock_fd)
        if self._locked and not same_lock:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.dup2(fd, self._fd, inheritable=False)
        os.dup2(parts_fd, self.parts_fd, inheritable=False)
        os.dup2(trash_fd, self.trash_fd, inheritable=False)
        if cache and self.cache_fd >= 0:
            os.dup2(cache[0], self.cache_fd, inheritable=False)
        if not same_lock:
            os.dup2(lock_fd, self._lock_fd, inheritable=False)
            if self._locked:
                self.write_pid()


def _open_all(root_fd: int, opened: list[int]) -> None:
    """Open the folder, `parts`, `trash`, `lock` and, if there is room for it, `cache`, making what is absent."""
    opened.append(_folder(root_fd, NAME))
    opened.append(_folder(opened[0], b"parts"))
    opened.append(_folder(opened[0], b"trash"))
    opened.append(os.open(b"lock", os.O_RDWR | os.O_CREAT | _FILE, 0o600, dir_fd=opened[0]))
    try:
        opened.append(_folder(opened[0], b"cache"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _folder(dir_fd: int, name: bytes) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=dir_fd)
    fd = os.open(name, _FOLDER, dir_fd=dir_fd)
    try:
        if os.fstat(fd).st_mode & 0o077:
            os.fchmod(fd, 0o700)
    except OSError:
        os.close(fd)
        raise
    return fd


def _read_instance(fd: int) -> str | None:
    try:
        instance = os.open(b"instance", os.O_RDONLY | _FILE, dir_fd=fd)
    except FileNotFoundError:
        return None
    try:
        text = os.read(instance, 64).decode("ascii", "replace").strip()
    finally:
        os.close(instance)
    return text if _INSTANCE.match(text) else None


def _make_instance(fd: int, instance_id: str | None = None) -> str:
    chosen = instance_id is not None
    instance_id = instance_id or secrets.token_hex(16)
    name = b"instance-%s.new" % instance_id.encode()
    new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=fd)
    try:
        os.write(new, instance_id.encode() + b"\n")
        os.fsync(new)
    finally:
        os.close(new)
    if chosen or not _link_instance(fd, name):
        os.rename(name, b"instance", src_dir_fd=fd, dst_dir_fd=fd)
        return instance_id
    os.unlink(name, dir_fd=fd)
    return _read_instance(fd) or instance_id


def _link_instance(fd: int, name: bytes) -> bool:
    """Let the first of several processes that begin at once give the id; tell whether there is one now."""
    try:
        os.link(name, b"instance", src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
    except FileExistsError:
        return _read_instance(fd) is not None
    except OSError:  # a file system without links
        return False
    return True


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
