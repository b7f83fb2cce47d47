"""The shop's backend: greets each visitor with a cup of tea that the Temporal worker pours."""
