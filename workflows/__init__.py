"""What happens in which order, deterministic. Only `attributes` of it is imported by the command line."""
