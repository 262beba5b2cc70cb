"""The storage folder: paths, the sandbox, entries, publishing and the trash."""
