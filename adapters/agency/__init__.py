"""Collections agencies: one with an HTTP API, one that takes files."""
