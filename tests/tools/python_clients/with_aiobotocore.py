"""aiobotocore: the same one floor below."""

import asyncio
import json

from aiobotocore.session import get_session


async def main() -> None:
    async with get_session().create_client("lambda") as client:
        answer = await client.invoke(FunctionName="tools", Payload=b'{"number": 7}')
        assert json.loads(await answer["Payload"].read()) == {"item": 7}
        names = [
            one["FunctionName"]
            async for page in client.get_paginator("list_functions").paginate()
            for one in page["Functions"]
        ]
        assert "tools" in names


asyncio.run(main())
