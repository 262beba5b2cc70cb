"""The description of the HTTP API in the words of OpenAPI: a module for each face, and one that joins them."""
