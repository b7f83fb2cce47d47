"""Proves the house of the design: who may import whom, what stays pure, and that no product file grows too long to read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "stack": {"stack"},
    "gateways": {"gateways", "stack"},
    "activities": {"activities", "gateways", "stack"},
    "workflows": {"workflows", "activities", "stack"},
    "cli": {"cli", "workflows", "gateways", "stack"},
}
"""Folder → which of ours it may import. What is not listed (local, example, tests) is imported by no product code."""
OURS = {*MAY_IMPORT, "local", "example", "tests", "worker", "starter"}
ENTRY_POINTS = ("worker.py", "starter.py")
LINES = 300

NOT_PURE = {
    "temporalio", "aiohttp", "httpx", "psycopg", "requests", "socket", "ssl", "subprocess", "asyncio", "http",
    "random", "uuid", "os", "shutil", "tempfile", "time", "threading",
}  # fmt: skip
"""The domain neither talks to anything nor asks a clock or dice. (The passwords that it makes are drawn by `secrets`.)"""
MANIFESTS = ROOT / "stack" / "manifests"
CLOCKS = {"now", "utcnow", "today"}


def product_files() -> list[Path]:
    files = [path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py")]
    return sorted(files) + [ROOT / name for name in ENTRY_POINTS if (ROOT / name).exists()]


def stack_files() -> list[Path]:
    return [path for path in product_files() if path.is_relative_to(ROOT / "stack")]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(module, line) of every import of a file, those inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{short(path)}:{node.lineno} imports relatively; write the folder out"
            yield node.module or "", node.lineno


@pytest.mark.parametrize("path", [path for path in product_files() if path.parent != ROOT], ids=short)
def test_imports_point_only_in_the_direction_of_the_design(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    wrong = [f"{short(path)}:{line} {name}" for name, line in imports(path) if name.split(".")[0] in OURS - MAY_IMPORT[folder]]
    assert not wrong


@pytest.mark.parametrize("path", [path for path in product_files() if path.parent == ROOT], ids=short)
def test_entry_points_import_no_local_platform_and_no_tests(path: Path) -> None:
    wrong = [f"{short(path)}:{line} {name}" for name, line in imports(path) if name.split(".")[0] in {"local", "example", "tests"}]
    assert not wrong


@pytest.mark.parametrize("path", stack_files(), ids=short)
def test_the_domain_imports_nothing_that_talks_to_the_world(path: Path) -> None:
    wrong = [f"{short(path)}:{line} {name}" for name, line in imports(path) if name.split(".")[0] in NOT_PURE]
    assert not wrong


@pytest.mark.parametrize("path", stack_files(), ids=short)
def test_only_the_manifest_builders_use_the_kubernetes_client_and_only_its_models(path: Path) -> None:
    used = [f"{short(path)}:{line} {name}" for name, line in imports(path) if name.split(".")[0] == "kubernetes"]
    if path.is_relative_to(MANIFESTS):
        used = [each for each in used if not each.split()[1].startswith(("kubernetes.aio.client", "kubernetes.aio"))]
    assert not used


@pytest.mark.parametrize("path", stack_files(), ids=short)
def test_the_domain_reads_no_clock_and_no_file(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in called]
    assert not {*names} & (CLOCKS | {"open", "read_text", "read_bytes", "write_text", "getenv"})


@pytest.mark.parametrize("path", product_files(), ids=short)
def test_a_product_file_can_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES
