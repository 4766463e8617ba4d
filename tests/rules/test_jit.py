"""An edited rule must never meet code that was compiled before the edit."""

import gc
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba.core import event

import stoptrail.rules
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import compiled, in_haste, is_quick, rule, source_digest, uncounted

JIT = Path(stoptrail.rules.__file__).parent / "jit.py"

LEAF = """
from stoptrail.rules.jit import rule

@rule
def leaf(x):
    return x {change}
"""
LOOP = """
import os
import pathlib
import time

from other.middle import middle
from stoptrail.rules.jit import compiled

def loop(n):
    total = 0.0
    for i in range(n):
        total += middle(float(i))
    return total

if __name__ == "__main__":
    edit = pathlib.Path("edit")
    if edit.exists():  # somebody edits a rule while this process is under way
        time.sleep(0.05)
        edit.rename("stoptrail/rules/leaf.py")
        os.utime("stoptrail/rules/leaf.py")
    fast = compiled(loop)
    print(fast(4), sum(fast.stats.cache_hits.values()))
"""
MIDDLE = """
from stoptrail.rules.jit import rule
from stoptrail.rules.leaf import leaf

@rule
def middle(x):
    return leaf(x)
"""

PRODUCT = """
import sys
from stoptrail.rules.jit import compiled
import numpy as np

def total(a):
    return a.sum() + np.sqrt(a.max())

assert compiled(total)(np.array([[4.0, 2.0]])) == 8.0
assert not {"scipy.linalg", "coverage"} & set(sys.modules), "loaded without need"
assert "scipy.linalg.cython_blas" not in sys.modules, "a stub was left"

def product(a, b):
    return a @ b

found = compiled(product)(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
print(found[0, 0])
"""


def plus(number: int) -> str:
    return LEAF.format(change=f"+ {number}.0")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree: other/loop.py -> other/middle.py -> rules/leaf.py."""
    for package in ("stoptrail", "stoptrail/rules", "other"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    text = JIT.read_text("utf-8")
    (tmp_path / "stoptrail/rules/jit.py").write_text(text, "utf-8")
    (tmp_path / "stoptrail/rules" / "leaf.py").write_text(plus(1), "utf-8")
    (tmp_path / "other" / "middle.py").write_text(MIDDLE, "utf-8")
    (tmp_path / "other" / "loop.py").write_text(LOOP, "utf-8")
    return tmp_path


def run(tree: Path) -> tuple[float, int]:
    """What the tree computes in a new process, and how much of it came from the cache."""
    environment = dict(os.environ, XDG_CACHE_HOME=str(tree / "cache"), PYTHONPATH=str(tree))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    found = subprocess.run(
        [sys.executable, "-m", "other.loop"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value, hits = found.stdout.split()
    return float(value), int(hits)


def test_an_edit_two_files_away_compiles_anew(tree: Path) -> None:
    assert run(tree) == (0 + 1 + 2 + 3 + 4 * 1.0, 0)
    assert run(tree) == (10.0, 1)  # the cache serves the next process
    (tree / "stoptrail/rules" / "leaf.py").write_text(plus(5), "utf-8")
    assert run(tree) == (0 + 1 + 2 + 3 + 4 * 5.0, 0)


def test_code_from_the_cache_needs_no_rules(tree: Path) -> None:
    told = """
import numba
make = numba.extending.register_jitable
def heard(**options):
    print("told")
    return make(**options)
numba.extending.register_jitable = heard
import other.loop
from stoptrail.rules.jit import compiled
print(compiled(other.loop.loop)(4))
"""
    (tree / "told.py").write_text(told, "utf-8")
    environment = dict(os.environ, XDG_CACHE_HOME=str(tree / "cache"), PYTHONPATH=str(tree))
    said = [
        subprocess.run(
            [sys.executable, "told.py"],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert said == [["told", "told", "10.0"], ["10.0"]]


def test_somebodys_own_compiled_code_may_call_a_rule(tree: Path) -> None:
    own = """
import numba
from other.middle import middle

@numba.njit(numba.float64(numba.float64))
def twice(x):
    return 2.0 * middle(x)

print(twice(3.0))
"""
    (tree / "own.py").write_text(own, "utf-8")
    environment = dict(os.environ, XDG_CACHE_HOME=str(tree / "cache"), PYTHONPATH=str(tree))
    command = [sys.executable, "own.py"]
    found = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=True
    )
    assert float(found.stdout) == 8.0


def test_the_package_is_compiled_once_wherever_it_is_installed(tree: Path) -> None:
    other = tree / "elsewhere"
    shutil.copytree(tree / "stoptrail", other / "stoptrail")
    (other / "stoptrail/rules/leaf.py").touch()  # as an installation does
    told = """
from stoptrail.rules.jit import compiled
from stoptrail.rules.leaf import leaf
fast = compiled(leaf)
print(fast(4.0), sum(fast.stats.cache_hits.values()))
"""

    def told_by(place: Path) -> str:
        environment = dict(os.environ, XDG_CACHE_HOME=str(tree / "cache"), PYTHONPATH=str(place))
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        asked = [sys.executable, "-c", told]
        return subprocess.check_output(asked, cwd=place, env=environment, text=True)

    assert [told_by(tree), told_by(other)] == ["5.0 0\n", "5.0 1\n"]
    (other / "stoptrail/rules/leaf.py").write_text(plus(5), "utf-8")
    assert [told_by(other), told_by(tree)] == ["9.0 0\n", "5.0 1\n"]


def test_an_edit_beside_the_caller_compiles_anew(tree: Path) -> None:
    run(tree)
    changed = MIDDLE.replace("leaf(x)", "2.0 * leaf(x)")
    (tree / "other" / "middle.py").write_text(changed, "utf-8")
    assert run(tree) == (20.0, 0)


def test_an_edit_under_way_is_not_confused_with_the_code_before_it(tree: Path) -> None:
    (tree / "edit").write_text(plus(5), "utf-8")
    assert run(tree) == (10.0, 0)  # read before the edit, compiled after it
    assert run(tree) == (26.0, 0)
    assert run(tree) == (26.0, 1)


def test_caches_that_rest_are_removed_beyond_a_few(tree: Path) -> None:
    folder = tree / "cache" / "stoptrail" / "compiled"
    for number, age in enumerate([7200, 10, 7300, 7400, 7500, 20]):
        (folder / str(number)).mkdir(parents=True)
        os.utime(folder / str(number), (time.time() - age,) * 2)
    run(tree)
    left = {path.name for path in folder.iterdir()}
    # The newest four are the one just made, both in use, and the youngest that rests.
    assert left & set("012345") == {"0", "1", "5"}
    assert len(left) == 4


def test_caches_in_use_are_left_alone_however_many(tree: Path) -> None:
    folder = tree / "cache" / "stoptrail" / "compiled"
    for number in range(9):
        (folder / str(number)).mkdir(parents=True)
    run(tree)
    assert len(list(folder.iterdir())) == 10


def test_without_a_folder_to_write_to_it_compiles_all_the_same(tree: Path) -> None:
    (tree / "cache").write_text("a file where a folder should be", "utf-8")
    assert run(tree) == (10.0, 0)


def half(x: float) -> float:
    return x / 2.0


def test_the_compiled_version_is_made_once() -> None:
    assert compiled(half) is compiled(half)
    assert compiled(half)(3.0) == half(3.0)


def quotient(x: float, y: float) -> float:
    return x / y


def test_in_haste_only_what_is_on_disk_is_machine_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with in_haste():
        function = compiled(quotient)
        assert not hasattr(function, "py_func")
        assert function(3.0, 2.0) == 1.5
        assert function(np.float64(1.0), np.float64(0.0)) == np.inf  # and no warning
        monkeypatch.setattr("stoptrail.rules.jit.is_cached", lambda _: True)
        assert not hasattr(compiled(quotient), "py_func")  # as it has begun
        with in_haste():
            assert hasattr(compiled(quotient), "py_func")
    assert hasattr(compiled(quotient), "py_func")


def test_the_haste_of_one_thread_is_none_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    quick: list[bool] = []
    with in_haste():
        other = Thread(target=lambda: quick.append(is_quick(quotient)))
        other.start()
        other.join()
        assert not is_quick(quotient)
    assert quick == [True]


def test_the_digest_is_that_of_the_sources() -> None:
    assert source_digest(half) == source_digest(half)
    assert source_digest(half) != source_digest()


def test_threads_may_ask_for_compiled_code_at_once(monkeypatch, tmp_path):
    """Numba's folder is a global: one thread's must not become another's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    make = numba.njit

    def slowly(*arguments, **options):
        time.sleep(0.01)
        return make(*arguments, **options)

    monkeypatch.setattr(numba, "njit", slowly)
    functions = [lambda x, k=k: x + k for k in range(8)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(compiled, functions))
    folders = {str(dispatcher.stats.cache_path) for dispatcher in made}
    assert all(folder.startswith(str(tmp_path)) for folder in folders)
    assert not numba.config.CACHE_DIR


@rule
def half_rule(x: float) -> float:
    return x / 2.0


class Looks(event.Listener):
    """Whether the garbage collector works at each step of the compiler."""

    def __init__(self) -> None:
        self.seen: list[bool] = []

    def on_start(self, event: object) -> None:
        self.seen.append(gc.isenabled())

    def on_end(self, event: object) -> None:
        self.seen.append(gc.isenabled())


@pytest.mark.parametrize("works", [True, False])
def test_the_garbage_collector_rests_while_something_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    """A function with another one inside; and afterwards it is as before, after a failure too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    looks, was = Looks(), gc.isenabled()
    try:
        (gc.enable if works else gc.disable)()
        with event.install_listener("numba:run_pass", looks):
            assert compiled(lambda x: half_rule(x) + 1.0)(3.0) == 2.5
            assert gc.isenabled() is works
            with pytest.raises(numba.TypingError):
                compiled(lambda x: half_rule(x).nothing)(3.0)
            assert gc.isenabled() is works
    finally:
        (gc.enable if was else gc.disable)()
    assert set(looks.seen) == {False}


def total(array: Floats) -> float:
    view = uncounted(array)
    return float(view.sum())


def test_an_uncounted_array_is_the_same_data():
    row, table = np.arange(5.0), np.arange(12.0).reshape(3, 4)
    for array in (row, table):
        assert uncounted(array) is array
        held = sys.getrefcount(array)
        assert compiled(total)(array) == array.sum()
        array[-1] = 7.0
        assert compiled(total)(array) == array.sum()
        assert sys.getrefcount(array) == held


class Pair(NamedTuple):
    numbers: Floats
    inner: tuple[Floats, int]


def of_pair(pair: Pair) -> float:
    numbers, (others, factor) = uncounted(pair)
    return float(numbers.sum() + factor * others.sum())


def test_arrays_within_tuples_are_the_same_data_too():
    pair = Pair(np.arange(5.0), (np.ones((2, 3)), 2))
    assert uncounted(pair) is pair
    held = [sys.getrefcount(array) for array in (pair.numbers, pair.inner[0])]
    assert compiled(of_pair)(pair) == 22.0
    assert held == [sys.getrefcount(array) for array in (pair.numbers, pair.inner[0])]


def test_linear_algebra_is_loaded_by_the_function_that_needs_it(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    environment = {**os.environ, "PYTHONPATH": str(JIT.parents[2])}
    script = tmp_path / "script.py"
    script.write_text(PRODUCT)
    command = [sys.executable, "-W", "ignore", str(script)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (found.stdout.strip(), found.stderr) == ("11.0", "")
