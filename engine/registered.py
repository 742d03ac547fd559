"""Search attributes, registered by the project itself where the server lets it."""

from __future__ import annotations

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from engine.connect import Unreachable
from workflows.attributes import REGISTERED


async def register(client: Client) -> list[str]:
    """Add the search attributes that are missing; gives their names. Raises Unreachable where it is not allowed."""
    operator = client.operator_service
    try:
        listed = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing = {
            name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
            for name, kind in REGISTERED.items()
            if name not in listed.custom_attributes
        }
        if missing:
            await operator.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
    except RPCError as error:
        wanted = ", ".join(f"{name} ({kind})" for name, kind in REGISTERED.items())
        raise Unreachable(
            f"the search attributes could not be registered in namespace {client.namespace!r}: {error}. Nothing was "
            f"started. On Temporal Cloud, add them by hand: {wanted}."
        ) from None
    return list(missing)
