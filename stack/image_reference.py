"""Image references as container runtimes read them: [registry[:port]/]path[:tag][@digest].

The grammar is that of https://github.com/distribution/reference; what it allows and containerd refuses (upper case in a path) is refused.
"""

import re
from typing import Final

NAME_LIMIT: Final = 255
"""Characters of registry and path together."""
REGISTRY: Final = re.compile(
    r"([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(:[0-9]{1,5})?"
)
PART: Final = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")


def reference_problem(reference: str) -> str:
    """Why this is no image reference, or nothing."""
    if not reference:
        return "the reference is empty"
    if re.search(r"[^\x21-\x7e]", reference):
        return "an image reference has no spaces and only ASCII characters"
    if "://" in reference:
        return "an image reference has no scheme such as https://"
    name, digest = _split(reference, "@")
    if digest is not None and not DIGEST.fullmatch(digest):
        return f"`@{digest[:80]}` is no digest; write @sha256: and 64 lower-case hexadecimal digits"
    name, tag = _split_tag(name)
    if tag is not None and not TAG.fullmatch(tag):
        return f"`{tag[:80]}` is no tag: 1 to 128 letters, digits, dots, dashes and underscores, no dot or dash first"
    return _name_problem(name)


def _split(text: str, separator: str) -> tuple[str, str | None]:
    before, found, after = text.partition(separator)
    return before, after if found else None


def _split_tag(name: str) -> tuple[str, str | None]:
    """A colon before the last slash belongs to the registry's port."""
    folder, slash, last = name.rpartition("/")
    path, tag = _split(last, ":")
    return folder + slash + path, tag


def _name_problem(name: str) -> str:
    registry, path = _split_registry(name)
    if len(name) > NAME_LIMIT:
        return f"the name has {len(name)} characters; at most {NAME_LIMIT} are allowed"
    if registry and not REGISTRY.fullmatch(registry):
        return f"`{registry}` is no registry: a host name, with a port if need be"
    if path != path.lower():
        return f"image names are lower case; write {path.lower()}"
    if re.fullmatch("[0-9a-f]{64}", path):
        return "this is an image ID; write the name that the image has in a registry"
    if wrong := [part for part in path.split("/") if not PART.fullmatch(part)]:
        return f"`{wrong[0]}` is no part of an image name: letters and digits, between them single dots, dashes or underscores"
    return ""


def _split_registry(name: str) -> tuple[str, str]:
    """The first part is a registry if it looks like a host: a dot, a colon, an upper-case letter, or localhost."""
    first, slash, rest = name.partition("/")
    if slash and (set(first) & set(".:") or first == "localhost" or first != first.lower()):
        return first, rest
    return "", name
