"""The search attributes of stack/attributes.py as typed keys."""

from temporalio.common import SearchAttributeKey, SearchAttributePair

from stack import attributes
from stack.models import Request

PR = SearchAttributeKey.for_int(attributes.PR)
REPOSITORY = SearchAttributeKey.for_keyword(attributes.REPOSITORY)
COMMIT = SearchAttributeKey.for_keyword(attributes.COMMIT)
PHASE = SearchAttributeKey.for_keyword(attributes.PHASE)
HELD_BY = SearchAttributeKey.for_keyword(attributes.HELD_BY)
URL = SearchAttributeKey.for_keyword(attributes.URL)


def of_request(request: Request) -> list[SearchAttributePair[int] | SearchAttributePair[str]]:
    """What a run has from its first moment, before any worker has seen it."""
    return [SearchAttributePair(PR, request.pr), SearchAttributePair(REPOSITORY, request.repository), SearchAttributePair(PHASE, "queued")]
