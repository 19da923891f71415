"""Imports point one way, `import radar_core` is light, and what is forbidden stays out."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from radar_core.settings import ROOT

CORE = ROOT / "radar_core"
SOURCES = [*sorted(CORE.rglob("*.py")), *sorted((ROOT / "pages").glob("*.py")), ROOT / "app.py"]
HEAVY = {"torch", "torchvision", "captum", "lime", "torchattacks"}

# A part imports from its own level or those above it in this list; a new part is entered here.
LEVELS = (
    {"errors", "settings", "runtime", "params", "registry", "types", "epsilon", "writing"}
    | {"detached", "function_mode"},
    {"data", "models"},
    {"attacks", "explainers", "metrics", "localisation", "floor", "detection"},
    {"api"},
    {"case", "verdict", "wording", "pictures", "figures", "figures_noise", "figures_evaluation"}
    | {"figures_training", "figures_experiment"}
    | {
        "sanity",
        "markup",
        "evaluation",
        "training",
        "adoption",
        "experiments",
        "uncover",
        "defences",
        "reports",
        "launch",
        "report",
        "view",
        "story",
        "survey",
        "readers",
    },
    {"ui", "cli"},
    {"pages", "app", "__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}
# Parts of one level that do not import each other. (Models are trained on data, not the reverse.)
APART = (
    {"attacks", "explainers", "metrics", "localisation", "detection"},
    {"ui", "cli"},
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def part_of(path: Path) -> str:
    """The part of the house that a file belongs to."""
    inside = path.relative_to(ROOT).with_suffix("").parts
    return inside[1] if inside[0] == "radar_core" else inside[0]


def imports(tree: ast.AST, *, top_only: bool = False) -> Iterator[str]:
    """What a file imports, as `a.b` for `from a import b`, but for `TYPE_CHECKING` blocks."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imports(node, top_only=top_only)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules(*, ui: bool) -> list[str]:
    """Dotted names of the package's modules, of `ui` or of all else."""
    found = []
    for path in CORE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if (part_of(path) == "ui") == ui and parts[-1] != "__main__":
            found.append(".".join(parts).removesuffix(".__init__"))
    return sorted(found)


def loaded_after(code: str) -> set[str]:
    """Top-level packages in memory after some code ran in a fresh Python."""
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-W", "error::DeprecationWarning:radar_core", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_point_one_way(path: Path):
    part = part_of(path)
    if part == "__init__":  # the door of the package: it names what lies within, lazily
        return
    assert part in LEVEL, f"say in LEVELS where {part} belongs"
    for dotted in imports(parse(path)):
        words = dotted.split(".")
        if words[0] == "pages":
            pytest.fail(f"{name(path)} imports a page")
        other = words[1] if words[0] == "radar_core" and len(words) > 1 else part
        if other == part or other.startswith("__"):
            continue
        assert other in LEVEL, f"say in LEVELS where {other} belongs"
        assert LEVEL[other] <= LEVEL[part], f"{name(path)} imports upwards: {dotted}"
        assert not any({part, other} <= apart for apart in APART), f"{name(path)}: {dotted}"
        assert (part, other) != ("data", "models"), f"{name(path)} imports {dotted}"


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if part_of(p) in ("ui", "pages", "app")], ids=name
)
def test_no_page_imports_what_is_heavy_at_its_top(path: Path):
    found = {dotted.split(".")[0] for dotted in imports(parse(path), top_only=True)}
    assert not found & HEAVY


@pytest.mark.parametrize("path", [p for p in SOURCES if part_of(p) != "ui"], ids=name)
def test_streamlit_is_imported_by_the_view_alone(path: Path):
    found = {dotted.split(".")[0] for dotted in imports(parse(path))}
    assert "streamlit" not in found or part_of(path) in ("pages", "app")


def test_import_radar_core_is_light():
    found = loaded_after("import radar_core; radar_core.__version__")
    assert not found & (HEAVY | {"streamlit", "numpy", "pandas", "scipy", "sklearn", "matplotlib"})


def test_the_core_never_loads_streamlit():
    code = "import importlib\n" + f"for m in {modules(ui=False)}: importlib.import_module(m)"
    found = loaded_after(code)
    assert "torch" in found, "all of it was imported"
    assert "streamlit" not in found


def test_the_view_loads_no_torch():
    # The shell is a script that starts the warm-up, and that loads torch in its own time.
    names = [name for name in modules(ui=True) if name != "radar_core.ui.shell"]
    code = "import importlib\n" + f"for m in {names}: importlib.import_module(m)"
    assert not loaded_after(code) & HEAVY


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_device_is_forced_and_no_global_generator_seeded(path: Path):
    seeds = {"torch.manual_seed", "torch.seed", "random.seed", "torch.cuda.manual_seed"}
    for node in ast.walk(parse(path)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        called = ast.unparse(node.func)
        assert not called.endswith(".cuda"), f"{name(path)}:{node.lineno} forces a device"
        assert called not in seeds, f"{name(path)}:{node.lineno} seeds a global generator"
        if called.startswith(("np.random.", "numpy.random.")):
            kind = called.split(".")[2]
            own = kind.startswith("default_rng") or kind[0].isupper()
            # The guard about a library that draws globally keeps that state and puts it back.
            own = own or (path.name == "guard.py" and kind[:9] in ("get_state", "set_state"))
            assert own, f"{name(path)}:{node.lineno} draws globally"


def test_no_markup_is_made_from_data():
    kinds = {".py", ".js", ".mjs", ".html", ".css"}
    places = (CORE, ROOT / "pages", ROOT / "assets")
    files = [p for place in places for p in place.rglob("*") if p.suffix in kinds]
    for path in [*files, ROOT / "app.py"]:
        text = path.read_text(encoding="utf-8")
        for word in ("unsafe_allow_html", "innerHTML", "outerHTML", "insertAdjacentHTML"):
            assert word not in text, f"{name(path)} uses {word}"


def test_files_stay_short():
    long = {name(p): n for p in SOURCES if (n := len(p.read_text("utf-8").splitlines())) > 350}
    assert not long
