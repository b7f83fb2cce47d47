"""The only code that talks to a network. Each gateway is a small Protocol and its implementation; no exception of a client library leaves it."""
