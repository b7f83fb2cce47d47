"""A Temporal service and worker in memory, as far as this project uses them. What it cannot do fails loudly.

Workflows run in the SDK's own workflow runtime, driven by the same activations that its core would send; activities run in the SDK's
activity context; payloads and failures go through the real converters. Sources of the semantics: temporalio/worker/_workflow.py and
_activity.py of the SDK, https://docs.temporal.io/encyclopedia/retry-policies, https://docs.temporal.io/encyclopedia/detecting-activity-failures.
"""
