"""Whether a host name and the namespace template make valid names for every pull request that there can be."""

import re
from typing import Final

from stack.names import namespace_for

LAST_PR: Final = 999_999_999
LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_LIMIT: Final = 63
HOST_LIMIT: Final = 253
UI_PREFIX: Final = "temporal-"
"""In front of the page's host name it makes the host name of temporal-ui."""
PLACEHOLDERS: Final = {"{pr}", "{app}"}
EXAMPLE: Final = "pr-{pr}.preview.example.com"


def host_problem(host: str, app: str) -> str:
    """Why the host template cannot be used, or nothing."""
    if "://" in host:
        return f"write the host name alone, without a scheme: {EXAMPLE}"
    if "/" in host:
        return f"write the host name alone, without a path: {EXAMPLE}"
    if ":" in host:
        return f"write the host name alone, without a port: {EXAMPLE}"
    if problem := _placeholder_problem(host):
        return f"{problem}, such as {EXAMPLE}"
    return _name_problem(host.replace("{pr}", str(LAST_PR)).replace("{app}", app), host)


def _placeholder_problem(template: str) -> str:
    if unknown := sorted(set(re.findall(r"\{[^{}]*\}", template)) - PLACEHOLDERS):
        return f"{unknown[0]} is not known; only {{pr}} and {{app}} are replaced"
    if "{pr}" not in template:
        return "must have {pr} in it, or all pull requests would share one name"
    return ""


def _name_problem(longest: str, template: str) -> str:
    labels = longest.split(".")
    if template != template.lower():
        return f"host names are lower case; write {template.lower()}"
    if wrong := [label for label in labels if not LABEL.fullmatch(label)]:
        return f"`{wrong[0]}` is no part of a host name: letters, digits and dashes, not empty, no dash at an end"
    if labels[-1].isdigit():
        return "ends in a number, so it would be taken for an address; end it with a domain"
    if too_long := [label for label in (UI_PREFIX + labels[0], *labels[1:]) if len(label) > LABEL_LIMIT]:
        return f"`{too_long[0]}` has {len(too_long[0])} characters, but each part may have {LABEL_LIMIT}; choose a shorter one"
    if len(UI_PREFIX + longest) > HOST_LIMIT:
        return f"has {len(UI_PREFIX + longest)} characters with `{UI_PREFIX}` in front; at most {HOST_LIMIT} are allowed"
    return ""


def template_problem(template: str, app: str) -> str:
    """Why the installation's namespace template cannot be used for this app, or nothing."""
    setting = f"the setting PREVIEWS_NAMESPACE_TEMPLATE is `{template}`"
    if problem := _placeholder_problem(template):
        return f"{setting}: {problem}"
    if "}{" in template:
        return f"{setting}: put a dash between the placeholders, or two pull requests could share a name"
    for pr in (1, LAST_PR):
        if not LABEL.fullmatch(name := namespace_for(pr, app, template)):
            return f"{setting}, which makes `{name}`; a namespace has lower-case letters, digits and dashes, no dash at an end"
        if name.startswith(("pg-", "kube-")):
            return f"{setting}; names that begin with pg- or kube- are reserved by PostgreSQL and Kubernetes"
        if name.endswith(("-app", "-temporal", "-visibility")):
            return f"`{app}` would give databases the names of another app's ({setting}); choose a name with another ending"
    return ""
