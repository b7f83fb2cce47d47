"""The product's own classes over the simulated gateways, put together as worker.py does."""

import inspect
from collections.abc import Callable
from typing import Any, Final

from activities.databases import DatabaseActivities
from activities.namespaces import NamespaceActivities
from activities.records import RecordActivities
from activities.removal import RemovalActivities
from activities.secrets import SecretActivities
from activities.verification import VerificationActivities
from activities.workloads import WorkloadActivities
from worker import activity_methods
from workflows.deploy_preview import DeployPreview
from workflows.teardown_preview import TeardownPreview

SUBJECTS: Final[tuple[type[Any], ...]] = (
    RecordActivities,
    NamespaceActivities,
    DatabaseActivities,
    SecretActivities,
    WorkloadActivities,
    VerificationActivities,
    RemovalActivities,
)
WORKFLOWS: Final[tuple[type[Any], ...]] = (DeployPreview, TeardownPreview)


def build_activities(gateways: dict[str, Any]) -> list[Callable[..., Any]]:
    """Every activity; each class is given those of the gateways that its constructor names."""
    return [method for subject in SUBJECTS for method in activity_methods(_build(subject, gateways))]


def _build(subject: type[Any], gateways: dict[str, Any]) -> Any:
    wanted = inspect.signature(subject).parameters.values()
    return subject(**{each.name: gateways[each.name] for each in wanted if each.name in gateways or each.default is each.empty})
