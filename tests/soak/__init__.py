"""The races, the faults and the random histories of issue 4 on the real platform: `make soak`.

A lane is a task queue with one worker of its own, which is the product's worker with a fault injector underneath. A case is the life of one
pull request that nobody else uses. `python -m tests.soak` runs all of them; `test_slice.py` a fixed selection.
"""
