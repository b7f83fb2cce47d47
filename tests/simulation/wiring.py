"""The product's own classes over the simulated gateways, put together as worker.py does.

Activities are found by looking through the package, so that a new one cannot be forgotten here; a constructor is given the gateways that
its parameters name.
"""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final

import activities
from worker import activity_methods
from workflows.cleanup_stale_previews import CleanupStalePreviews
from workflows.deploy_preview import DeployPreview
from workflows.teardown_preview import TeardownPreview

WORKFLOWS: Final[tuple[type[Any], ...]] = (DeployPreview, TeardownPreview, CleanupStalePreviews)


def build_activities(gateways: dict[str, Any]) -> list[Callable[..., Any]]:
    """Every activity of the project."""
    return [method for subject in subjects() for method in activity_methods(_build(subject, gateways))]


def subjects() -> Iterator[type[Any]]:
    """The classes that have activities."""
    for module in pkgutil.iter_modules(activities.__path__, "activities."):
        found = import_module(module.name)
        for _, subject in inspect.getmembers(found, inspect.isclass):
            methods = vars(subject).values()
            if subject.__module__ == module.name and any(hasattr(method, "__temporal_activity_definition") for method in methods):
                yield subject


def _build(subject: type[Any], gateways: dict[str, Any]) -> Any:
    wanted = inspect.signature(subject).parameters.values()
    return subject(**{each.name: gateways[each.name] for each in wanted if each.name in gateways or each.default is each.empty})
