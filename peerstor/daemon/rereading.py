"""Reading the settings again while the server runs."""

from twisted.logger import Logger

from peerstor.config.live import LiveSettings
from peerstor.config.sources import Configuration, Sources
from peerstor.daemon.exposure import owned_logs, refuse_exposed
from peerstor.daemon.readiness import prepare_logs
from peerstor.errors import Fault
from peerstor.interfaces import IThreads

_log = Logger()


class Rereading:
    """Reads the file of settings again, and has those take effect that can. What is wrong changes nothing."""

    def __init__(self, *, sources: Sources, live: LiveSettings, threads: IThreads) -> None:
        """Change nothing yet.

        :param live: the settings that are to change.
        :param threads: where the file is read.
        """
        self._sources = sources
        self._live = live
        self._threads = threads

    async def reload(self) -> None:
        """Do it, and say in the log what came of it."""
        try:
            configuration = await self._threads.run(self._read)
        except Fault as fault:
            _log.error("All settings stay as they are: {fault}", fault=fault)
            return
        for line in configuration.warnings:
            _log.warn("{line}", line=line)
        changes = self._live.change(configuration.settings)
        if changes.made:
            _log.info("settings that have changed: {names}", names=", ".join(changes.made))
        if changes.waiting:
            _log.warn(
                "Settings that have changed in {file} and hold only after a restart: {names}.",
                file=configuration.file,
                names=", ".join(changes.waiting),
            )
        if not changes.made and not changes.waiting:
            _log.info("no setting has changed")

    def _read(self) -> Configuration:
        configuration = self._sources.read()
        # A log that clients reach, or that can't be written, is wrong as well, and here it can still be refused.
        # Whatever else settings name is used from the next start on, which looks at it.
        refuse_exposed(self._live.now.storage, owned_logs(configuration.settings))
        prepare_logs(configuration.settings)
        return configuration
