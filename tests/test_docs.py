"""README and docs against the code: commands that parse, settings that exist, links that lead."""

from __future__ import annotations

import ast
import re
import shlex
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import click
import pytest

import runner
import stoptrail
from stoptrail.cli import main as program
from stoptrail.config.settings import Settings, known_keys

ROOT = Path(runner.__file__).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
LINKED = ("strategies", "sizers", "feeds", "live")
"""The packages whose files stand at the root and are linked into the package."""
CODE_ROOTS = ("runner.py", "stoptrail/", *(f"{name}/" for name in LINKED), "tests/", "benchmarks/")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def _shell_lines(page: Path) -> list[str]:
    """Every command line in a page's shell blocks, prompts and comments taken off."""
    blocks = [
        text for language, text in _FENCE.findall(page.read_text("utf-8")) if language in ("sh", "")
    ]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.strip() and not line.startswith("#")]


def _runner_calls(page: Path) -> list[list[str]]:
    """The arguments of each call of runner.py in a page's shell blocks."""
    calls = []
    for line in _shell_lines(page):
        for part in re.split(r"&&|\|\||;|\|", line):
            words = shlex.split(part, comments=True)
            if "runner.py" in words:
                calls.append(words[words.index("runner.py") + 1 :])
    return calls


def _leaves(command: click.Command) -> list[click.Command]:
    """The commands that do something, below `command`."""
    if not isinstance(command, click.Group):
        return [command]
    return [leaf for sub in command.commands.values() for leaf in _leaves(sub)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_shown_parses(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for leaf in _leaves(program.cli):
        monkeypatch.setattr(leaf, "callback", lambda **_options: None)
    for arguments in _runner_calls(page):
        program.cli.main(arguments, standalone_mode=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_is_named_behind_a_command_is_that_commands(page: Path) -> None:
    for words in _INLINE.findall(page.read_text("utf-8")):
        command: click.Command = program.cli
        for word in words.removeprefix("python runner.py ").removeprefix("stoptrail ").split():
            if isinstance(command, click.Group) and word in command.commands:
                command = command.commands[word]
            elif command is program.cli:
                break
            elif word.startswith("--"):
                known = {option for each in command.params for option in each.opts}
                known |= {option for each in command.params for option in each.secondary_opts}
                assert word.partition("=")[0] in known, f"{page.name} names {words}"


def test_the_readme_shows_commands() -> None:
    assert len(_runner_calls(ROOT / "README.md")) >= 2


@pytest.mark.parametrize("needed", ["-m pytest", "runner.py backtest --sweep"])
def test_the_readme_installs_and_runs_in_one_command(needed: str) -> None:
    lines = [line for line in _shell_lines(ROOT / "README.md") if "pip install" in line]
    assert len([line for line in lines if needed in line]) == 1


def test_the_readme_installs_extras_that_exist() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for page in PAGES:
        for extras in re.findall(r"pip install [^\n]*\.\[([a-z0-9,]+)\]", page.read_text("utf-8")):
            assert set(extras.split(",")) <= set(setup["options.extras_require"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_that_is_shown_in_python_can_be_imported(page: Path) -> None:
    missing = []
    for language, text in _FENCE.findall(page.read_text("utf-8")):
        for node in ast.walk(ast.parse(text)) if language == "python" else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stoptrail"):
                found = import_module(str(node.module))
                missing += [name.name for name in node.names if not hasattr(found, name.name)]
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "stoptrail":
                missing += [] if hasattr(stoptrail, node.attr) else [node.attr]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    keys = known_keys(Settings())
    sections = "|".join(Settings.model_fields)
    text = page.read_text("utf-8")
    named = [
        word for word in _INLINE.findall(text) if re.fullmatch(rf"({sections})\.[a-z_]+", word)
    ]
    named += re.findall(r"--set ([a-z_]+\.[a-z_.]+)=", text)
    files = {path.name for path in ROOT.glob("*/*.*")} | {path.name for path in ROOT.glob("*.*")}
    for key in named:
        known = key in keys or key.startswith(("sweep.grid", "exchange.ccxt"))
        assert known or key in files, f"{page.name} names {key}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    named = [word for word in _INLINE.findall(text) if word.startswith(CODE_ROOTS)]
    for name in named:
        path = name.partition(":")[0].partition(" ")[0]
        if re.fullmatch(r"[\w./-]+", path):
            assert (ROOT / path).exists(), f"{page.name} names {name}"
    for link in _LINK.findall(text):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_make_verb_that_is_named_exists() -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        for verb in re.findall(r"`make ([a-z]+)`", page.read_text("utf-8")):
            assert verb in verbs


def test_one_name_is_installed_and_the_folders_of_the_root_are_part_of_it() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["options.packages.find"]["include"] == "stoptrail*"
    tree = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert tree == {"stoptrail", *LINKED}
    for name in LINKED:
        assert (ROOT / "stoptrail" / name).resolve() == ROOT / name


def test_the_program_is_imported_by_its_one_name_alone() -> None:
    """`strategies.x` beside `stoptrail.strategies.x` would be two modules."""
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py"), *_own_files()]
    for file in files:
        assert not _imports_of(file) & set(LINKED), file


def _own_files() -> list[Path]:
    folders = [ROOT / "stoptrail", *(ROOT / name for name in LINKED)]
    return [ROOT / "runner.py", *(file for folder in folders for file in folder.glob("**/*.py"))]


def test_every_library_that_is_imported_is_declared() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    declared = setup["options"]["install_requires"] + extras["postgres"]
    declared += extras["cluster"] + extras["ray"] + extras["telegram"]
    names = {
        match.replace("-", "_").lower() for match in re.findall(r"^[A-Za-z][\w-]*", declared, re.M)
    }
    names |= {
        "playhouse",
        "distributed",
        "psycopg2",
        "pydantic_core",
        "telegram",
    }  # parts of declared ones
    missing = _imported() - names - {"ccxtbt"}  # on no index; what it needs is said when it lacks
    assert not missing


def test_no_requirement_is_an_address_which_an_index_refuses() -> None:
    """PyPI takes no distribution whose metadata has one, extras included."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    declared = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    assert not [line for text in declared for line in text.splitlines() if "@" in line]


def _imported() -> set[str]:
    """Top-level names of third-party modules that the program imports anywhere."""
    import sys

    found = {name for file in _own_files() for name in _imports_of(file)}
    assert len(found) > 20
    return found - {"stoptrail"} - set(sys.stdlib_module_names)


def _imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text("utf-8"))]
    while waiting:  # of its statements: imports are never inside expressions
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, block, ())
    return found


def test_errors_know_nothing_of_the_program() -> None:
    assert _imports_of(ROOT / "stoptrail/core/errors.py") == {"__future__"}


def test_the_command_line_knows_commands_settings_and_errors_only() -> None:
    files = [ROOT / f"stoptrail/cli/{name}.py" for name in ("main", "groups", "options")]
    own = re.findall(r"from stoptrail\.(\w+)", "".join(file.read_text("utf-8") for file in files))
    assert set(own) == {"cli", "config", "core"}
