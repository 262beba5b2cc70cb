"""The life of the process: its sockets, threads and logs, what it checks before it starts and says when it has."""
