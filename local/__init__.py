"""The local platform: a real Kubernetes, PostgreSQL and Temporal on this machine. `python -m local` says what it can do."""
