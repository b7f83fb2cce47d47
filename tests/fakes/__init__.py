"""Small honest stand-ins for the gateways; contract tests hold them to what the real ones do."""
