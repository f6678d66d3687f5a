"""What the catalog plans for a version, with stand-ins for interpreters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from raylambda.node.runtimes.catalog import Catalog
from raylambda.node.runtimes.interpreters import SearchPlaces, base_interpreter
from raylambda.node.runtimes.plan import RuntimePlan, RuntimeUnavailable, View
from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE
from tests.builders import OWN_PYTHON, a_version


def an_executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def a_node(folder: Path, version: str) -> Path:
    return an_executable(folder / "bin" / "node", f"#!/bin/sh\necho {version}\n")


@pytest.fixture
def code_tree(tmp_path: Path) -> Path:
    tree = tmp_path / "code"
    tree.mkdir()
    return tree


def a_catalog(tmp_path: Path, path: str = "", **overrides: str) -> Catalog:
    return Catalog(overrides, SearchPlaces(path), tmp_path / "packages")


def targets(plan: RuntimePlan) -> dict[str, Path]:
    return {mount.target: mount.source for mount in plan.mounts}


def test_python_runs_as_a_fork_of_its_own_interpreter(tmp_path: Path, code_tree: Path) -> None:
    plan = a_catalog(tmp_path).plan(a_version(), code_tree)

    own = base_interpreter()
    assert plan.forked
    assert plan.init_interpreter == str(own.executable)
    program = f"/var/lang/{own.executable.relative_to(own.prefix)}"
    assert plan.argv == (program, "-S", "/run/raylambda/bootstrap/python_runtime.py")
    assert targets(plan) == {
        str(own.prefix): own.prefix,
        "/var/lang": own.prefix,
        "/run/raylambda/bootstrap": BOOTSTRAP_SOURCE,
    }


def test_the_variables_are_those_of_aws(tmp_path: Path, code_tree: Path) -> None:
    plan = a_catalog(tmp_path).plan(a_version(), code_tree)

    assert plan.env == {
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": (
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
        ),
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": "/var/runtime",
    }
    assert plan.reserved == {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{OWN_PYTHON}",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "PWD": "/var/task",
        "SHLVL": "0",
    }


def test_a_prepared_tree_is_mounted_where_aws_has_boto3(tmp_path: Path, code_tree: Path) -> None:
    tree = tmp_path / "packages" / OWN_PYTHON
    tree.mkdir(parents=True)
    unfinished = a_catalog(tmp_path).plan(a_version(), code_tree)
    (tree / ".prepared").write_text("")

    plan = a_catalog(tmp_path).plan(a_version(), code_tree)

    assert "/var/runtime" not in targets(unfinished)
    assert targets(plan)["/var/runtime"] == tree


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"},
        {"LD_PRELOAD": "libjemalloc.so"},
        {"PYTHONHASHSEED": "1"},
        {"MALLOC_ARENA_MAX": "1"},
    ],
)
def test_variables_that_act_at_an_exec_are_given_one(
    variables: dict[str, str], tmp_path: Path, code_tree: Path
) -> None:
    assert not a_catalog(tmp_path).plan(a_version(environment=variables), code_tree).forked


@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "/var/task/lib"}, {"MY_LD_PRELOAD": "x"}, {"PATH": "/x"}])
def test_other_variables_leave_the_fork(variables: dict[str, str], tmp_path: Path, code_tree: Path) -> None:
    assert a_catalog(tmp_path).plan(a_version(environment=variables), code_tree).forked


@pytest.mark.parametrize("library", ["libown.so", "lib/libown.so.1", "libown.so.1.2"])
def test_libraries_that_only_the_dynamic_linker_finds_need_an_exec(
    library: str, tmp_path: Path, code_tree: Path
) -> None:
    (code_tree / library).parent.mkdir(exist_ok=True)
    (code_tree / library).touch()

    assert not a_catalog(tmp_path).plan(a_version(), code_tree).forked


def test_extension_modules_do_not(tmp_path: Path, code_tree: Path) -> None:
    (code_tree / "_fast.cpython-311-x86_64-linux-gnu.so").touch()

    assert a_catalog(tmp_path).plan(a_version(), code_tree).forked


def test_a_wrapper_gets_the_command_from_a_shell(tmp_path: Path, code_tree: Path) -> None:
    version = a_version(environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"})

    plan = a_catalog(tmp_path).plan(version, code_tree)

    assert plan.argv[:4] == ("/bin/sh", "-c", 'exec "$0" "$@"', "/opt/wrap")
    program = f"/var/lang/bin/{Path(plan.init_interpreter).name}"
    assert plan.argv[4:] == (program, "-S", "/run/raylambda/bootstrap/python_runtime.py")


def test_node_runs_below_the_hosts_python(tmp_path: Path, code_tree: Path) -> None:
    node = a_node(tmp_path / "node", "v22.3.1")

    plan = a_catalog(tmp_path, str(node.parent)).plan(a_version(runtime="nodejs22.x", memory_mb=1000), code_tree)

    assert plan.argv == (
        "/var/lang/bin/node",
        "--expose-gc",
        "--max-http-header-size=81920",
        "--max-semi-space-size=50",
        "--max-old-space-size=900",
        "/run/raylambda/bootstrap/nodejs/index.mjs",
    )
    assert not plan.forked
    assert plan.init_interpreter == str(base_interpreter().executable)
    assert targets(plan)["/var/lang"] == targets(plan)[str(tmp_path / "node")] == tmp_path / "node"
    assert plan.env["NODE_PATH"] == (
        "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert plan.reserved["AWS_EXECUTION_ENV"] == "AWS_Lambda_nodejs22.x"


def test_a_provided_runtime_is_the_functions_own(tmp_path: Path, code_tree: Path) -> None:
    an_executable(code_tree / "bootstrap")

    plan = a_catalog(tmp_path).plan(
        a_version(runtime="provided.al2023", environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}), code_tree
    )

    assert plan.argv == ("/var/task/bootstrap",)
    assert not {"AWS_EXECUTION_ENV", "PWD", "SHLVL"} & {*plan.env, *plan.reserved}


def test_a_provided_runtime_without_a_bootstrap_says_where_it_looked(tmp_path: Path, code_tree: Path) -> None:
    with pytest.raises(RuntimeUnavailable) as caught:
        a_catalog(tmp_path).plan(a_version(runtime="provided"), code_tree)

    assert caught.value.error_type == "Runtime.InvalidEntrypoint"
    assert caught.value.message == "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"


def test_a_bootstrap_that_is_not_executable_is_refused(tmp_path: Path, code_tree: Path) -> None:
    (code_tree / "bootstrap").touch(0o644)

    with pytest.raises(RuntimeUnavailable) as caught:
        a_catalog(tmp_path).plan(a_version(runtime="provided.al2"), code_tree)

    assert caught.value.error_type == "Runtime.InvalidEntrypoint"
    assert caught.value.message == "fork/exec /var/task/bootstrap: permission denied"


@pytest.mark.parametrize("runtime", ["python3.14", "nodejs24.x", "ruby3.4", "go1.x"])
def test_a_runtime_that_is_absent_says_what_to_do(runtime: str, tmp_path: Path, code_tree: Path) -> None:
    with pytest.raises(RuntimeUnavailable) as caught:
        a_catalog(tmp_path).plan(a_version(runtime=runtime), code_tree)

    assert caught.value.error_type == "Runtime.Unavailable"
    assert f"nothing to run {runtime} with" in caught.value.message
    assert "RAYLAMBDA_RUNTIMES" in caught.value.message
    assert f"Available here: {OWN_PYTHON}, provided" in caught.value.message


def test_an_operator_maps_a_python_runtime_to_an_interpreter(tmp_path: Path, code_tree: Path) -> None:
    catalog = a_catalog(tmp_path, **{"python3.14": sys.executable})

    plan = catalog.plan(a_version(runtime="python3.14"), code_tree)

    assert plan.init_interpreter == str(base_interpreter().executable)
    assert plan.reserved["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.14"
    assert "python3.14" in catalog.available()


def test_an_operator_maps_a_name_to_a_runtime_of_its_own(tmp_path: Path, code_tree: Path) -> None:
    ruby = an_executable(tmp_path / "ruby" / "bin" / "lambda-ruby")
    catalog = a_catalog(tmp_path, **{"ruby3.4": str(ruby)})

    plan = catalog.plan(a_version(runtime="ruby3.4"), code_tree)

    assert plan.argv == (str(ruby),)
    assert targets(plan)[str(tmp_path / "ruby")] == tmp_path / "ruby"
    assert plan.reserved["AWS_EXECUTION_ENV"] == "AWS_Lambda_ruby3.4"
    assert "ruby3.4" in catalog.available()


def test_a_mapping_never_mounts_the_system(tmp_path: Path, code_tree: Path) -> None:
    plan = a_catalog(tmp_path, custom="/bin/true").plan(a_version(runtime="custom"), code_tree)

    assert not {"/", "/bin", "/usr"} & set(targets(plan))


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs20.x", "ruby3.4", "provided.al2"])
def test_a_mapping_to_nothing_is_said(runtime: str, tmp_path: Path, code_tree: Path) -> None:
    catalog = a_catalog(tmp_path, **{runtime: "/not/there"})

    with pytest.raises(
        RuntimeUnavailable, match=f"RAYLAMBDA_RUNTIMES maps {runtime} to /not/there, which does not run"
    ):
        catalog.plan(a_version(runtime=runtime), code_tree)


def test_without_a_jail_the_places_are_those_of_the_node(tmp_path: Path, code_tree: Path) -> None:
    plan = a_catalog(tmp_path).plan(a_version(), code_tree, View.PLAIN)

    own = base_interpreter()
    assert plan.argv[0] == str(own.executable)
    assert plan.cwd == plan.reserved["LAMBDA_TASK_ROOT"] == str(code_tree)
    assert plan.argv[-1] == str(BOOTSTRAP_SOURCE / "python_runtime.py")
    assert plan.env["PATH"].startswith(f"{own.prefix}/bin:")


def test_available_names_what_can_be_planned(tmp_path: Path) -> None:
    node = a_node(tmp_path / "node", "v20.1.0")

    assert a_catalog(tmp_path, str(node.parent)).available() == (
        OWN_PYTHON,
        "nodejs20.x",
        "provided",
        "provided.al2",
        "provided.al2023",
    )


def test_an_interpreter_is_asked_once(tmp_path: Path, code_tree: Path) -> None:
    log = tmp_path / "asked"
    node = an_executable(tmp_path / "bin" / "node", f"#!/bin/sh\necho asked >> {log}\necho v20.1.0\n")
    catalog = a_catalog(tmp_path, str(node.parent))

    for _ in range(3):
        catalog.plan(a_version(runtime="nodejs20.x"), code_tree)

    assert log.read_text() == "asked\n"
