"""A host process for tests of outbound networking: one ``EgressNetwork``, driven by JSON lines on its input.

Started with one argument, JSON: ``allow``, ``cluster_file`` (one address a line, read again at each refresh), ``pool_size``.
Ends when its input ends, without closing anything; ``close`` is a command.
"""

import asyncio
import json
import sys
from pathlib import Path

from raylambda.node.sandbox.network.contract import NetworkUnavailable
from raylambda.node.sandbox.network.egress import EgressNetwork


async def main(options):
    cluster_file = Path(options["cluster_file"])
    network = await EgressNetwork.open(
        options["allow"], lambda: cluster_file.read_text().split(), pool_size=options["pool_size"], refresh_s=3600
    )
    slots = {}
    tell({"ready": True})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            tell(await obey(network, slots, **json.loads(line)))
        except NetworkUnavailable as error:
            tell({"error": str(error)})


async def obey(network, slots, do, count=1, slot_id=""):
    if do == "take":
        made = await asyncio.gather(*(network.take() for _ in range(count)))
        slots.update({slot.slot_id: slot for slot in made})
        return [{"slot_id": slot.slot_id, "prefix": slot.argv_prefix, "files": dict(slot.files)} for slot in made]
    if do == "give_back":
        return await network.give_back(slots[slot_id])
    if do == "refresh":
        return await network.refresh()
    if do == "close":
        return await network.close()
    return network.warnings()


def tell(answer):
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
