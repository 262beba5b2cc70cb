"""The description of the HTTP API in the words of OpenAPI: a module for each face, and one that joins them.

A new route below `/api/`, or a new method of the tree, has to be told of here: `tests/web/openapi/` fails
otherwise, and `tests/integration/test_openapi.py` then holds what is told against a server that runs.

1. Give it an `Operation` among the `OPERATIONS` of the face's module: what the route takes (`parameter`, `body`),
   what it answers (`Answer`, with `json(ref("Name"))` for JSON), and the faults that its handler raises. What any
   request may be refused with, what the right brings (401, 403) and HEAD beside GET are there by themselves.
2. Write the schemas that it names into `SCHEMAS` of the same module. What several faces have is in `terms.py`.
3. A new face is a new module of that shape, to be named in `FACES` of `document.py`, with its heading in `TAGS`.
4. Ask for it once in `tests/web/openapi/test_answers.py`, for each of its good answers.

A stream that never ends (`text/event-stream`) is told of like anything else. The test leaves it alone, since it
would wait for the end; where JSON can be had of the same address, that is tested. A new kind of fault needs
nothing here: its schema is read from `web/errors.py`.
"""
