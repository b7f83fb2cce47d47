"""What Doppler's answer to "download secrets" means.

Source: https://docs.doppler.com/reference/secrets-download (format `json`: one flat object of names and values).
"""

import json
from typing import Any, Final

from stack.errors import SecretSourceError
from stack.stackfile import DopplerConfig

PROJECT: Final = "DOPPLER_PROJECT"
CONFIG: Final = "DOPPLER_CONFIG"
OWN: Final = frozenset({PROJECT, CONFIG, "DOPPLER_ENVIRONMENT"})
"""Added by Doppler to every config; docs/decisions/013 says why no container gets them."""
URL_REMEDY: Final = "check that PREVIEWS_DOPPLER_URL is the address of Doppler's API"


def subject(wanted: DopplerConfig) -> str:
    return f"Doppler config {wanted.project}/{wanted.config}"


def downloaded(body: bytes, wanted: DopplerConfig) -> dict[str, str]:
    """Name → value, as they are in that config. Raises SecretSourceError, which names names and no values."""
    found = _object(body, wanted)
    if unreadable := sorted(name for name, value in found.items() if not isinstance(value, str)):
        raise unusable(wanted, f"not text: {', '.join(unreadable)}", "every value must be text")
    told = (found.get(PROJECT, wanted.project), found.get(CONFIG, wanted.config))
    if told != (wanted.project, wanted.config):
        raise unusable(wanted, "these are the values of another config", "a service token reads exactly one config: give the one of this")
    return {name: value for name, value in found.items() if name not in OWN}


def unusable(wanted: DopplerConfig, answer: str, remedy: str) -> SecretSourceError:
    return SecretSourceError("read secrets from", obj=subject(wanted), answer=answer, remedy=remedy)


def _object(body: bytes, wanted: DopplerConfig) -> dict[str, Any]:
    """Nothing of it is quoted: what cannot be read may still be secret."""
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise unusable(wanted, "it is no JSON object", URL_REMEDY)
    return found
