"""Fuzzing of everything that reads what a client sends; `python -m tests.fuzz --help` tells how to run it."""
