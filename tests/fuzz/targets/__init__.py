"""What is fuzzed. Each module has `check(data)`, which raises when a rule is broken, and `WORDS` to build data from."""

NAMES = (
    "accept",
    "conditions",
    "connection",
    "forms",
    "hosts",
    "house",
    "languages",
    "names",
    "parameters",
    "paths",
    "ranges",
    "sandbox",
)
