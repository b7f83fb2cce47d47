"""The edge between Temporal and the world: build (pure), call a gateway, return a model. No business rules."""
