"""The command line behind `starter.py`. It starts in half a second: nothing here imports activities, gateways or the Kubernetes client."""
