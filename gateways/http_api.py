"""What the HTTP APIs of others have in common: a token from a file, and answers that are different a moment later."""

from http import HTTPStatus
from pathlib import Path

import httpx

from stack.errors import RejectedError


def read_token(file: Path, whose: str, remedy: str, error: type[RejectedError] = RejectedError) -> str:
    """The token in a file, read anew for each use, so a rotated one works. Never quoted in a message."""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as caught:
        raise error(f"read {whose} token from", obj=str(file), answer=_reason(caught), remedy=remedy) from None
    if not token or not token.isascii() or not token.isprintable():
        raise error(f"read {whose} token from", obj=str(file), answer="no token is in it", remedy=remedy)
    return token


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "it is no text in UTF-8"


def will_pass(answer: httpx.Response) -> bool:
    """A fault of the server, or being asked too often: 429, or a refusal whose headers say when to come back."""
    limited = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    return answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or (answer.is_client_error and limited)


def said(error: Exception) -> str:
    """Of a connection that could not be made or broke; some of httpx's errors have no words."""
    return str(error) or type(error).__name__
