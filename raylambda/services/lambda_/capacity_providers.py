"""Capacity providers (lambda-reference.md 2): none can be made, as the capacity is the cluster's own."""

from __future__ import annotations

from raylambda.model import names
from raylambda.model.addressing import AccountAddress
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import account_of
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import refuse_marker
from raylambda.services.protocol.wire import Wire


class ListCapacityProvidersRequest(Wire):
    state: names.CapacityProviderState | None = None
    marker: str | None = None
    max_items: names.FewItems | None = None


class ListCapacityProvidersResponse(Wire):
    capacity_providers: list[Wire]


@operation("GET", "/2025-11-30/capacity-providers", account_of, query=("State", "Marker", "MaxItems"))
def list_capacity_providers(
    context: LambdaContext, request: ListCapacityProvidersRequest, account: AccountAddress
) -> ListCapacityProvidersResponse:
    refuse_marker(request.marker)
    return ListCapacityProvidersResponse(capacity_providers=[])
