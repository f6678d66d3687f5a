"""AWS's operations that raylambda does not have yet, so that the front door can say so by name. The list may only shrink."""

from __future__ import annotations

from typing import Final

from raylambda.model.errors import NotImplementedYet
from raylambda.services.protocol.operation import Operation

NOT_YET: Final[tuple[Operation, ...]] = (
    Operation("CreateEventSourceMapping", "POST", "/2015-03-31/event-source-mappings", 202),
    Operation("UpdateEventSourceMapping", "PUT", "/2015-03-31/event-source-mappings/{UUID}", 202),
    Operation("AddPermission", "POST", "/2015-03-31/functions/{FunctionName}/policy", 201),
    Operation("PublishLayerVersion", "POST", "/2018-10-31/layers/{LayerName}/versions", 201),
    Operation(
        "AddLayerVersionPermission", "POST", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy", 201
    ),
    Operation(
        "UpdateFunctionEventInvokeConfig", "POST", "/2019-09-25/functions/{FunctionName}/event-invoke-config", 200
    ),
    Operation("PutFunctionEventInvokeConfig", "PUT", "/2019-09-25/functions/{FunctionName}/event-invoke-config", 200),
    Operation(
        "PutProvisionedConcurrencyConfig", "PUT", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", 202
    ),
    Operation("CreateCodeSigningConfig", "POST", "/2020-04-22/code-signing-configs", 201),
    Operation("UpdateCodeSigningConfig", "PUT", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", 200),
    Operation("PutFunctionCodeSigningConfig", "PUT", "/2020-06-30/functions/{FunctionName}/code-signing-config", 200),
    Operation(
        "PutRuntimeManagementConfig", "PUT", "/2021-07-20/functions/{FunctionName}/runtime-management-config", 200
    ),
    Operation("CreateFunctionUrlConfig", "POST", "/2021-10-31/functions/{FunctionName}/url", 201),
    Operation("UpdateFunctionUrlConfig", "PUT", "/2021-10-31/functions/{FunctionName}/url", 200),
    Operation(
        "InvokeWithResponseStream", "POST", "/2021-11-15/functions/{FunctionName}/response-streaming-invocations", 200
    ),
    Operation("PutFunctionRecursionConfig", "PUT", "/2024-08-31/functions/{FunctionName}/recursion-config", 200),
    Operation("CreateCapacityProvider", "POST", "/2025-11-30/capacity-providers", 202),
    Operation("DeleteCapacityProvider", "DELETE", "/2025-11-30/capacity-providers/{CapacityProviderName}", 202),
    Operation("GetCapacityProvider", "GET", "/2025-11-30/capacity-providers/{CapacityProviderName}", 200),
    Operation("UpdateCapacityProvider", "PUT", "/2025-11-30/capacity-providers/{CapacityProviderName}", 202),
    Operation(
        "ListFunctionVersionsByCapacityProvider",
        "GET",
        "/2025-11-30/capacity-providers/{CapacityProviderName}/function-versions",
        200,
    ),
    Operation("GetFunctionScalingConfig", "GET", "/2025-11-30/functions/{FunctionName}/function-scaling-config", 200),
    Operation("PutFunctionScalingConfig", "PUT", "/2025-11-30/functions/{FunctionName}/function-scaling-config", 202),
    Operation(
        "SendDurableExecutionCallbackFailure", "POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail", 200
    ),
    Operation(
        "SendDurableExecutionCallbackHeartbeat",
        "POST",
        "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat",
        200,
    ),
    Operation(
        "SendDurableExecutionCallbackSuccess",
        "POST",
        "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed",
        200,
    ),
    Operation("DeleteDurableExecution", "DELETE", "/2025-12-01/durable-executions/{DurableExecutionArn}", 202),
    Operation("GetDurableExecution", "GET", "/2025-12-01/durable-executions/{DurableExecutionArn}", 200),
    Operation(
        "CheckpointDurableExecution", "POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint", 200
    ),
    Operation("GetDurableExecutionHistory", "GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/history", 200),
    Operation("PauseDurableExecution", "POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/pause", 202),
    Operation("ResumeDurableExecution", "POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/resume", 202),
    Operation("GetDurableExecutionState", "GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/state", 200),
    Operation("StopDurableExecution", "POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/stop", 200),
    Operation("ListDurableExecutionsByFunction", "GET", "/2025-12-01/functions/{FunctionName}/durable-executions", 200),
    Operation("DeleteResourcePolicy", "DELETE", "/2026-07-09/resource-policy/{ResourceArn}", 204),
    Operation("GetResourcePolicy", "GET", "/2026-07-09/resource-policy/{ResourceArn}", 200),
    Operation("PutResourcePolicy", "PUT", "/2026-07-09/resource-policy/{ResourceArn}", 200),
)


def refusal(operation: Operation) -> NotImplementedYet:
    """What the front door answers for a row of this list."""
    return NotImplementedYet(
        f"{operation.name} is not implemented by raylambda yet; see the table of supported operations in its README."
    )
