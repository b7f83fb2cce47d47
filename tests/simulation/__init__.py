"""The real workflows and the real activities against fake gateways, in virtual time: thousands of interleavings in seconds, no server.

One seed is one interleaving, exactly. `world.World` is where everything is put together; `temporal/` plays Temporal itself.
"""
