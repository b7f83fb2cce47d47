"""The search attributes of stack/attributes.py as typed keys."""

from temporalio.common import SearchAttributeKey

from stack import attributes

PR = SearchAttributeKey.for_int(attributes.PR)
REPOSITORY = SearchAttributeKey.for_keyword(attributes.REPOSITORY)
COMMIT = SearchAttributeKey.for_keyword(attributes.COMMIT)
PHASE = SearchAttributeKey.for_keyword(attributes.PHASE)
HELD_BY = SearchAttributeKey.for_keyword(attributes.HELD_BY)
URL = SearchAttributeKey.for_keyword(attributes.URL)
