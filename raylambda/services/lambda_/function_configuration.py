"""UpdateFunctionConfiguration."""

from __future__ import annotations

from raylambda.model import names
from raylambda.services.lambda_.addressing import load_latest, locate_latest
from raylambda.services.lambda_.configuration import FunctionConfiguration, describe
from raylambda.services.lambda_.settings import FunctionSettings, configured
from raylambda.services.lambda_.states import begin_update, refuse_stale, refuse_unsettled
from raylambda.services.protocol.operation import Context, operation
from raylambda.store.changes import ChangeKind, record_change


class UpdateFunctionConfigurationRequest(FunctionSettings):
    function_name: names.FunctionName
    revision_id: str | None = None


@operation("PUT", "/2015-03-31/functions/{FunctionName}/configuration")
def update_function_configuration(
    context: Context, request: UpdateFunctionConfigurationRequest
) -> FunctionConfiguration:
    address = locate_latest(context, request.function_name)
    latest = load_latest(context, address)
    refuse_stale(latest.revision_id, request.revision_id)
    refuse_unsettled(latest)
    latest.configuration = configured(latest.configuration, request, context.region)
    begin_update(context, latest)
    record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)
    return describe(latest, address.qualifier)
