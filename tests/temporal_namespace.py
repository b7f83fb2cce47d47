"""A Temporal namespace with this project's search attributes, made on demand."""

import asyncio
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from stack.attributes import PHASE, PR, SEARCH_ATTRIBUTES

TYPES = {"Int": IndexedValueType.INDEXED_VALUE_TYPE_INT, "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}


async def ensure_namespace(address: str, name: str) -> None:
    """Registers the namespace and its search attributes, and returns when the server knows both."""
    client = await Client.connect(address, namespace=name)
    try:
        retention = Duration()
        retention.FromTimedelta(timedelta(days=1))
        request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
        await client.workflow_service.register_namespace(request)
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise
    for _ in range(200):
        if await _has_attributes(client, name):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"the Temporal namespace {name} has no search attributes after 20 s")


async def _has_attributes(client: Client, name: str) -> bool:
    try:
        known = (await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=name))).custom_attributes
        missing = {key: TYPES[kind] for key, kind in SEARCH_ATTRIBUTES.items() if key not in known}
        if missing:
            await client.operator_service.add_search_attributes(AddSearchAttributesRequest(namespace=name, search_attributes=missing))
            return False
        await client.count_workflows(f"{PR} = 0 AND {PHASE} = ''")  # the frontend learns of new attributes some seconds later
    except RPCError as error:
        if error.status not in {
            RPCStatusCode.NOT_FOUND,
            RPCStatusCode.UNAVAILABLE,
            RPCStatusCode.ALREADY_EXISTS,
            RPCStatusCode.INVALID_ARGUMENT,
        }:
            raise
        return False
    return True
