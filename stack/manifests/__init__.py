"""A stack as Kubernetes objects: typed builders, one per object, and `render` for people.

`claim_objects` and `workload_objects` are what the activities apply; `template_job` makes the template databases; `image_check_pod` asks
whether an update's images can be had.
"""

from stack.manifests.blueprint import Postgres
from stack.manifests.build import ClaimObject, WorkloadObject, claim_objects, render, workload_objects
from stack.manifests.image_check import IMAGE_CHECK, image_check_name, image_check_pod, new_images
from stack.manifests.plain import ApiObject, to_dict, to_yaml
from stack.manifests.template import template_job, template_job_name

__all__ = [
    "IMAGE_CHECK",
    "ApiObject",
    "ClaimObject",
    "Postgres",
    "WorkloadObject",
    "claim_objects",
    "image_check_name",
    "image_check_pod",
    "new_images",
    "render",
    "template_job",
    "template_job_name",
    "to_dict",
    "to_yaml",
    "workload_objects",
]
