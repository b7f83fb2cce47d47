"""What happens in which order, deterministic. `baton` and nothing else of it is imported by the command line."""
