import importlib.util
import sys
from pathlib import Path

from stoptrail.rules.jit import source_digest
from stoptrail.sweep.kernel import screen as module
from stoptrail.sweep.kernel.screen import screen


def load(path: Path):
    spec = importlib.util.spec_from_file_location("cached_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_edit_of_a_neighbouring_file_changes_the_digest(tmp_path):
    (tmp_path / "main.py").write_text("def f():\n    return 1\n")
    neighbour = tmp_path / "neighbour.py"
    neighbour.write_text("LIMIT = 1\n")
    function = load(tmp_path / "main.py").f
    before = source_digest(function)
    assert source_digest(function) == before
    neighbour.write_text("LIMIT = 2\n")
    assert source_digest(function) != before


def test_the_digest_covers_every_file_that_the_kernel_is_compiled_from():
    own = Path(module.__file__).parent
    rules = own.parent.parent / "rules"
    used = {value.__module__ for value in vars(module).values() if hasattr(value, "__module__")}
    files = {
        Path(sys.modules[name].__file__)
        for name in used
        if name.startswith(("stoptrail.rules", "stoptrail.sweep"))
    }
    assert own / "account.py" in files
    assert rules / "trade.py" in files
    assert all(file.parent in (own, rules) for file in files)
    assert screen.__code__.co_filename == module.__file__
