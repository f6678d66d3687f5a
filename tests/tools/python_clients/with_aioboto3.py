"""aioboto3: invocations beside each other."""

import asyncio
import json

import aioboto3


async def main() -> None:
    async with aioboto3.Session().client("lambda") as client:
        answers = await asyncio.gather(
            *(client.invoke(FunctionName="tools", Payload=json.dumps({"number": n})) for n in range(5))
        )
        assert [json.loads(await answer["Payload"].read()) for answer in answers] == [{"item": n} for n in range(5)]


asyncio.run(main())
