"""What conf/ hands out, and how those files of it are written that tell the options: `python -m tests.conf`."""
