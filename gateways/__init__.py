"""The only code that talks to a network: per service a small Protocol and its implementation, and no client's exception leaves it."""
