"""Real peers for vutrace's end-to-end tests: one module per peer, each a context manager."""
