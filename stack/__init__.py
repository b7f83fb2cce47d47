"""The domain, pure: models, names, manifests, diagnosis, errors, settings. No I/O, no clock, no temporalio."""
