"""Every runtime of this machine, planned by the catalog and run in a real jail."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from raylambda.model.function import FunctionVersion
from raylambda.node.runtimes import nodejs, python
from raylambda.node.runtimes.catalog import Catalog
from raylambda.node.runtimes.interpreters import PYTHON_MINORS, SearchPlaces, ask_python, base_interpreter
from raylambda.node.runtimes.plan import View
from raylambda.node.runtimes.python_packages import prepare
from raylambda.node.sandbox.contract import GuestSpec, RuntimeCommand, Sandbox
from raylambda.node.sandbox.limits.cgroups import find_limits
from raylambda.node.sandbox.process_isolation import ProcessSandbox
from tests.builders import OWN_PYTHON, a_version
from tests.guest.scripted_host import Event, Outcome, ScriptedHost

pytestmark = [pytest.mark.anyio, pytest.mark.jail]

CATALOG = Catalog({}, SearchPlaces.of_this_node(os.environ), Path("/nowhere"))
PYTHONS = [name for name in python.RUNTIMES if CATALOG.interpreter(name)]
NODES = [name for name in nodejs.RUNTIMES if CATALOG.interpreter(name)]

PYTHON_SOURCE = """
import os
def handler(event, context):
    print("said")
    return {"event": event, "cwd": os.getcwd(), "file": __file__, "is_root": os.getuid() == 0}
"""
NODE_SOURCE = """
exports.handler = async (event) => {
  process.stdout.write("said\\n");
  return { event, cwd: process.cwd(), file: __filename, is_root: process.getuid() === 0 };
};
"""
PYTHON_PLACES = """
import encodings, json, os, subprocess, sys, sysconfig, traceback
def handler(event, context):
    try:
        json.loads("")
    except ValueError:
        in_library = traceback.extract_tb(sys.exc_info()[2])[-1].filename
    ask = "import _socket, sys; print(sys.prefix, end='')"
    child = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
    found = subprocess.run("command -v python%d.%d" % sys.version_info[:2], shell=True, capture_output=True, text=True)
    return {
        "executable": [sys.executable, os.path.realpath("/proc/self/exe"), found.stdout.strip()],
        "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, child.stdout or child.stderr],
        "library": [encodings.__file__, os.__file__, in_library, sysconfig.get_path("stdlib")],
        "path": [entry for entry in sys.path if "lib/python3" in entry and not entry.startswith("/opt/")],
    }
"""
NODE_PLACES = """
const { execFileSync } = require("child_process");
exports.handler = async () => [
  process.execPath,
  process.argv[0],
  execFileSync(process.execPath, ["-p", "process.execPath"]).toString().trim(),
  execFileSync("/bin/sh", ["-c", "command -v node"]).toString().trim(),
];
"""
PROVIDED_SOURCE = """#!/bin/bash
exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: api\\r\\n\\r\\n' >&3
while read -r line <&3; line=${line%$'\\r'}; [ -n "$line" ]; do
  case $line in Lambda-Runtime-Aws-Request-Id:*) id=${line#*: };; esac
done
echo said
printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: api\\r\\nContent-Length: 11\\r\\n\\r\\n"from bash"' "$id" >&3
read -r line <&3
exec 3<&- 3>&-
exit 4
"""


def a_tree(folder: Path, files: Mapping[str, str]) -> Path:
    tree = folder / "code"
    tree.mkdir(mode=0o755)
    for name, text in files.items():
        (tree / name).write_text(text)
        (tree / name).chmod(0o755)
    return tree


async def outcome_of(
    version: FunctionVersion, tree: Path, sandbox: Sandbox, catalog: Catalog = CATALOG, view: View = View.JAIL
) -> Outcome:
    """Start the version as a host does, give it one event, and tell what came back."""
    plan = catalog.plan(version, tree, view)
    written = bytearray()
    spec = GuestSpec("guest", tree, 256, 16, plan.init_interpreter, plan.mounts)
    guest = await sandbox.launch(spec, written.extend)
    env = {**plan.env, **version.environment, **plan.reserved, "_HANDLER": version.handler}
    env["AWS_LAMBDA_RUNTIME_API"] = guest.api_address
    with ScriptedHost([Event(b'{"n": 1}')], listener=guest.api_socket).serving() as host:
        await guest.run(RuntimeCommand(plan.argv, env, plan.cwd, plan.forked))
        ended = asyncio.ensure_future(guest.exited())
        while not ended.done() and not await asyncio.to_thread(host.wait_exhausted, 0.05):
            continue
        status = ended.result().exit_status if ended.done() else None
        await guest.close()
        await ended
    return Outcome(tuple(host.answers), written.decode(), "", status)


@pytest.mark.parametrize("runtime", PYTHONS)
async def test_python_runs_in_the_jail(runtime: str, jail_sandbox: Sandbox, tmp_path: Path) -> None:
    tree = a_tree(tmp_path, {"app.py": PYTHON_SOURCE})

    outcome = await outcome_of(a_version(runtime=runtime), tree, jail_sandbox)

    value = json.loads(outcome.answers[0].body)
    assert value == {
        "event": {"n": 1},
        "cwd": "/var/task",
        "file": "/var/task/app.py",
        "is_root": False,
    }
    assert outcome.stdout == "said\n"


@pytest.mark.parametrize("runtime", NODES)
async def test_node_runs_in_the_jail(runtime: str, jail_sandbox: Sandbox, tmp_path: Path) -> None:
    tree = a_tree(tmp_path, {"app.js": NODE_SOURCE})

    outcome = await outcome_of(a_version(runtime=runtime), tree, jail_sandbox)

    value = json.loads(outcome.answers[0].body)
    assert value == {
        "event": {"n": 1},
        "cwd": "/var/task",
        "file": "/var/task/app.js",
        "is_root": False,
    }
    assert outcome.stdout == "said\n"


async def python_places(
    runtime: str, wrapper: bool, sandbox: Sandbox, tmp_path: Path, catalog: Catalog = CATALOG
) -> tuple[dict[str, list[str]], str]:
    """What a function sees of its Python, and what was written; with ``wrapper`` it is no fork."""
    files = {"app.py": PYTHON_PLACES, "wrap": '#!/bin/sh\necho "$1"\nexec "$@"\n'}
    environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"} if wrapper else {}
    version = a_version(runtime=runtime, environment=environment)

    outcome = await outcome_of(version, a_tree(tmp_path, files), sandbox, catalog)

    return json.loads(outcome.answers[0].body), outcome.stdout


def assert_at_var_lang(places: dict[str, list[str]], version: str) -> None:
    assert places["executable"] == [f"/var/lang/bin/python{version}"] * 3
    assert places["prefixes"] == ["/var/lang"] * 4
    assert all(path.startswith(f"/var/lang/lib/python{version}") for path in places["library"])
    assert places["path"] != []
    assert all(path.startswith("/var/lang/lib/python3") for path in places["path"])


@pytest.mark.parametrize("wrapper", [False, True])
@pytest.mark.parametrize("runtime", PYTHONS)
async def test_python_stands_where_it_stands_on_aws(
    runtime: str, wrapper: bool, jail_sandbox: Sandbox, tmp_path: Path
) -> None:
    places, written = await python_places(runtime, wrapper, jail_sandbox, tmp_path)

    assert_at_var_lang(places, runtime.removeprefix("python"))
    assert written == (f"/var/lang/bin/{runtime}\n" if wrapper else "")


@pytest.mark.parametrize("wrapper", [False, True])
async def test_a_python_of_the_distribution_stands_there_too(
    wrapper: bool, jail_sandbox: Sandbox, tmp_path: Path
) -> None:
    system = next((found for minor in PYTHON_MINORS if (found := ask_python(Path(f"/usr/bin/python3.{minor}")))), None)
    if system is None:
        pytest.skip("the distribution has no Python that functions can run on")
    version = f"{system.version[0]}.{system.version[1]}"
    catalog = Catalog({f"python{version}": str(system.executable)}, SearchPlaces(""), Path("/nowhere"))

    places, _ = await python_places(f"python{version}", wrapper, jail_sandbox, tmp_path, catalog)

    assert_at_var_lang(places, version)


@pytest.mark.parametrize("runtime", NODES)
async def test_node_stands_where_it_stands_on_aws(runtime: str, jail_sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = await outcome_of(a_version(runtime=runtime), a_tree(tmp_path, {"app.js": NODE_PLACES}), jail_sandbox)

    assert json.loads(outcome.answers[0].body) == ["/var/lang/bin/node"] * 4


@pytest.mark.parametrize("runtime", ["provided", "provided.al2", "provided.al2023"])
async def test_a_bootstrap_of_its_own_runs_in_the_jail(runtime: str, jail_sandbox: Sandbox, tmp_path: Path) -> None:
    tree = a_tree(tmp_path, {"bootstrap": PROVIDED_SOURCE})

    outcome = await outcome_of(a_version(runtime=runtime), tree, jail_sandbox)

    assert outcome.answers[0].body == b'"from bash"'
    assert outcome.stdout == "said\n"
    assert outcome.exit_status == 4


@pytest.mark.parametrize(("runtime", "arguments"), [(OWN_PYTHON, 3), *((node, 6) for node in NODES)])
async def test_a_wrapper_runs_ahead_of_the_runtime(
    runtime: str, arguments: int, jail_sandbox: Sandbox, tmp_path: Path
) -> None:
    files = {
        "wrap": '#!/bin/sh\necho "wrapped $#"\nexport FROM_WRAPPER=yes\nexec "$@"\n',
        "app.py": "import os\ndef handler(event, context):\n    return os.environ['FROM_WRAPPER']\n",
        "app.js": "exports.handler = async () => process.env.FROM_WRAPPER;\n",
    }
    version = a_version(runtime=runtime, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"})

    outcome = await outcome_of(version, a_tree(tmp_path, files), jail_sandbox)

    assert outcome.answers[0].body == b'"yes"'
    assert outcome.stdout == f"wrapped {arguments}\n"


async def test_a_wrapper_that_is_not_there_ends_with_127(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    version = a_version(environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/absent"})

    outcome = await outcome_of(version, a_tree(tmp_path, {"app.py": PYTHON_SOURCE}), jail_sandbox)

    assert (outcome.exit_status, outcome.answers) == (127, ())


async def test_boto3_is_importable_and_our_own_environment_is_not(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    prepare([base_interpreter()], tmp_path / "packages", lambda line: None)
    catalog = Catalog({}, SearchPlaces(""), tmp_path / "packages")
    source = (
        "import boto3, importlib.util\n"
        "def handler(event, context):\n"
        "    return [boto3.__file__, boto3.Session().get_available_services() != [], importlib.util.find_spec('ray')]\n"
    )

    outcome = await outcome_of(a_version(), a_tree(tmp_path, {"app.py": source}), jail_sandbox, catalog)

    assert json.loads(outcome.answers[0].body) == ["/var/runtime/boto3/__init__.py", True, None]


async def test_the_dynamic_linker_finds_the_functions_libraries(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    source = "import ctypes\ndef handler(event, context):\n    return bool(ctypes.CDLL('libown.so').cos)\n"
    tree = a_tree(tmp_path, {"app.py": source})
    (tree / "lib").mkdir()
    shutil.copy(_mathematics(), tree / "lib" / "libown.so")

    outcome = await outcome_of(a_version(), tree, jail_sandbox)

    assert outcome.answers[0].body == b"true"


@pytest.mark.parametrize("runtime", [OWN_PYTHON, *NODES, "provided"])
async def test_without_a_jail_the_same_runs_in_the_nodes_own_places(runtime: str, tmp_path: Path) -> None:
    files = {
        "app.py": "import os\ndef handler(event, context):\n    print('said')\n    return [os.getcwd(), __file__]\n",
        "app.js": "exports.handler = async () => (process.stdout.write('said\\n'), [process.cwd(), __filename]);\n",
        "bootstrap": PROVIDED_SOURCE,
    }
    tree = a_tree(tmp_path, files)
    sandbox = ProcessSandbox(find_limits(tmp_path / "state"), tmp_path / "state")

    outcome = await outcome_of(a_version(runtime=runtime), tree, sandbox, view=View.PLAIN)
    await sandbox.close()

    name = "app.js" if runtime in NODES else "app.py"
    expected = "from bash" if runtime == "provided" else [str(tree), str(tree / name)]
    assert json.loads(outcome.answers[0].body) == expected
    assert outcome.stdout == "said\n"


def _mathematics() -> str:
    """The file of the system's libm, which every Python has loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return next(line.split()[-1] for line in lines if "/libm" in line)
