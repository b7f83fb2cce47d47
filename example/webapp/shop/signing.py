"""Proves that a greeting comes from a worker with the same secret, without showing the secret."""

from __future__ import annotations

import hashlib
import hmac


def is_signed(text: str, signature: str, secret: str) -> bool:
    expected = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)
