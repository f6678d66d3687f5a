"""Resource policies of functions (lambda-reference.md 5, permissions): none can be made yet, so there is none to give."""

from __future__ import annotations

from typing import NoReturn

from raylambda.model import names
from raylambda.model.addressing import Address
from raylambda.model.errors import ResourceNotFoundException
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import find_function, load_function, no_such_resource, refuse_absent, version_of
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire


class GetPolicyRequest(Wire):
    function_name: names.NamespacedFunctionName
    qualifier: names.Qualifier | None = None


class RemovePermissionRequest(Wire):
    function_name: names.NamespacedFunctionName
    statement_id: names.NamespacedStatementId
    qualifier: names.Qualifier | None = None
    revision_id: str | None = None


@operation("GET", "/2015-03-31/functions/{FunctionName}/policy", version_of, query=("Qualifier",))
def get_policy(context: LambdaContext, request: GetPolicyRequest, address: Address) -> NoReturn:
    load_function(context, address)
    raise no_such_resource()


@operation(
    "DELETE",
    "/2015-03-31/functions/{FunctionName}/policy/{StatementId}",
    version_of,
    status=204,
    query=("Qualifier", "RevisionId"),
)
def remove_permission(context: LambdaContext, request: RemovePermissionRequest, address: Address) -> NoReturn:
    if find_function(context, address) is None:
        raise ResourceNotFoundException(f"No policy found for: {address.qualified_arn(None)}")
    if address.qualifier is not None:
        refuse_absent(context, address, address.qualifier)
    raise ResourceNotFoundException("No policy is associated with the given resource.")
