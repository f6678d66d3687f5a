"""The account's limits and what is used of them (lambda-reference.md 5, account settings)."""

from __future__ import annotations

from sqlmodel import col, func, select

from raylambda.model.addressing import AccountAddress, Resource
from raylambda.model.errors import CodeStorageExceededException
from raylambda.model.limits import CODE_STORAGE_BYTES, UNZIPPED_BYTES, ZIPPED_BYTES
from raylambda.services.lambda_.concurrency import total_reserved
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import account_of
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.tables import FunctionRow, FunctionVersionRow


class GetAccountSettingsRequest(Wire):
    pass


class AccountLimit(Wire):
    total_code_size: int
    code_size_unzipped: int
    code_size_zipped: int
    concurrent_executions: int
    unreserved_concurrent_executions: int


class AccountUsage(Wire):
    total_code_size: int
    function_count: int


class GetAccountSettingsResponse(Wire):
    account_limit: AccountLimit
    account_usage: AccountUsage


def refuse_full_storage(context: LambdaContext, resource: Resource, added_bytes: int) -> None:
    """Raise ``CodeStorageExceededException`` when the resource's account has no room in its region for ``added_bytes`` more."""
    if _code_bytes(context, resource) + added_bytes > CODE_STORAGE_BYTES:
        raise CodeStorageExceededException("Code storage limit exceeded.")


def _code_bytes(context: LambdaContext, resource: Resource) -> int:
    """The packages of all versions: two versions with one package count twice, as at AWS."""
    total = select(func.sum(col(FunctionVersionRow.code_size))).where(
        FunctionVersionRow.account == resource.account, FunctionVersionRow.region == resource.region
    )
    return int(context.session.exec(total).one() or 0)


@operation("GET", "/2016-08-19/account-settings", account_of)
def get_account_settings(
    context: LambdaContext, request: GetAccountSettingsRequest, account: AccountAddress
) -> GetAccountSettingsResponse:
    functions = select(func.count()).where(
        col(FunctionRow.account) == account.account, col(FunctionRow.region) == account.region
    )
    limit = AccountLimit(
        total_code_size=CODE_STORAGE_BYTES,
        code_size_unzipped=UNZIPPED_BYTES,
        code_size_zipped=ZIPPED_BYTES,
        concurrent_executions=context.parts.concurrency_limit,
        unreserved_concurrent_executions=context.parts.concurrency_limit - total_reserved(context, account),
    )
    usage = AccountUsage(
        total_code_size=_code_bytes(context, account), function_count=context.session.exec(functions).one()
    )
    return GetAccountSettingsResponse(account_limit=limit, account_usage=usage)
