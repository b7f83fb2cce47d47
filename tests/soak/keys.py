"""The name of a write: what it does to what, without what differs from one pull request to the next."""

import re

NAMESPACE = re.compile(r"\b(?:pr|soak[0-9]+)-[0-9]+\b")
IDENTIFIER = re.compile(r"\bsoak[0-9]+_[0-9]+")
POD = re.compile(r"\b(webapp|temporal)-[bcdf2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b")
VERIFIER = re.compile(r"SCRAM-SHA-256\$[^' ]+")
KIND = re.compile(r"SQL CALL [a-z_.]+|SQL (COMMENT ON )?[A-Z]+( [A-Z]+\b)?|gRPC \w+|[A-Z]+ \w+( all)? \w+")
WRITES = re.compile(r"^\s*(CALL|CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT|UPDATE|INSERT|DELETE|REASSIGN)\b", re.IGNORECASE)


def anonymous(text: str) -> str:
    """Without the pull request's number and without what is random."""
    for pattern, word in ((NAMESPACE, "pr-N"), (IDENTIFIER, "pr_N"), (POD, r"\1-POD"), (VERIFIER, "VERIFIER")):
        text = pattern.sub(word, text)
    return text


def is_write(statement: str) -> bool:
    return WRITES.match(statement) is not None


def request_key(method: str, did: str, obj: str) -> str:
    """Of a request to the Kubernetes API: `PATCH applying Service pr-N/webapp`."""
    return anonymous(f"{method} {did} {obj}")


def statement_key(statement: str, database: str) -> str:
    """Of an SQL statement; the database counts where the statement does not name it."""
    words = anonymous(" ".join(statement.split()).replace('"', ""))
    return f"SQL {words}" if "pr_N" in words else f"SQL {words} in {anonymous(database)}"


def kind_of(key: str) -> str:
    """What kind of write it is, whatever it is done to: `PATCH applying Service`, `SQL CREATE DATABASE`."""
    return KIND.match(key)[0]  # type: ignore[index]
