"""What can go wrong, as plain exceptions.

Policy: an error is either *permanent* (trying the same thing again cannot help: a person must change something) or *transient* (the world
may be better in a moment: Temporal tries again). Whatever a client library raises is translated once, in its gateway; no exception
of a client library leaves a gateway. A message says what we did, to which object, what the server answered (cut), and what to do.

The names of permanent errors reach Temporal as error types, so `permanent_names()` is computed from this tree.
"""

ANSWER_LIMIT = 400
"""Characters of a server's answer that are quoted: enough for the cause, too few to bury it."""


class PreviewError(Exception):
    """Base of everything this project raises on purpose."""

    def __init__(self, did: str, *, obj: str = "", answer: str = "", remedy: str = "") -> None:
        """`did` what we tried, `obj` kind and name, `answer` what the server said, `remedy` what a person can do."""
        parts = [f"{did} {obj}".strip()]
        if answer:
            parts.append(f"the answer was: {cut(answer)}")
        if remedy:
            parts.append(remedy)
        super().__init__("; ".join(parts))
        self.did, self.obj, self.answer, self.remedy = did, obj, cut(answer), remedy


class PermanentError(PreviewError):
    """Trying again cannot help."""


class TransientError(PreviewError):
    """May succeed when tried again."""


class InvalidInputError(PermanentError):
    """What a person gave cannot be used. Carries every problem, not the first one."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class OutdatedError(PermanentError):
    """A newer request has been accepted for this pull request: whoever gets this must change nothing any more."""


class ForeignNamespaceError(PermanentError):
    """The namespace exists and belongs to somebody else (another repository, or nothing of ours made it)."""


class RejectedError(PermanentError):
    """The server understood and refused: invalid object, missing right, policy."""


class MissingSecretError(PermanentError):
    """A source of secrets lacks a file or a key that the stack file requires."""


class SecretSourceError(RejectedError):
    """A source of secrets refuses us, or holds what cannot be used: a token, a name or a value must be mended there."""


class NoCapacityError(PermanentError):
    """There is no room for one more. The message says how much there is and who has it."""


class ConflictError(TransientError):
    """Somebody else changed the object in between: read it again, then decide again."""


class UnavailableError(TransientError):
    """The server could not be reached, was overloaded or answered with a fault of its own."""


class UnreadableError(TransientError):
    """A payload cannot be decrypted here; with the right key it can, here or on another worker."""


class StillThereError(TransientError):
    """Something that is to be gone was still seen. The message names what holds it."""


def cut(text: str, limit: int = ANSWER_LIMIT) -> str:
    """The first `limit` characters of one line, marked when something was left out."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def permanent_names() -> list[str]:
    """Class names of all permanent errors. Temporal matches error types by exact class name, so subclasses are listed too."""
    return sorted(_names(PermanentError))


def _names(error: type[PreviewError]) -> set[str]:
    return {error.__name__}.union(*(_names(child) for child in error.__subclasses__()))
