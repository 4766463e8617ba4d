"""A real Ray cluster with two worker processes on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from stoptrail.core.errors import ConfigError, RunError
from stoptrail.sweep.pools.processes import workers
from tests.sweep.far import Parcel, assert_same_bytes, slowly
from tests.sweep.small import ROOT, start_sweep, sweep, write_inputs

# Ray is large; .ci/run installs it for these tests.
pytest.importorskip("ray", reason="the extra `ray` (ray[client]) is not installed")
pytest.importorskip("grpc", reason="the extra `ray` (ray[client]) is not installed")

# Connections and threads of Ray Client end a moment after their context does.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    # Its sockets' names are long, and a socket's name has to be short.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    port = _free_port()
    with (Path(folder) / "said").open("w+") as said:
        head = subprocess.Popen(
            [*_START, f"--temp-dir={folder}", f"--ray-client-server-port={port}"],
            env={**os.environ, **_ENVIRONMENT},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            _listens(port, head, Path(said.name))
            yield f"ray://127.0.0.1:{port}"
        finally:
            _kill(head)
            shutil.rmtree(folder, ignore_errors=True)


# Ray gives its workers next to no time where others work on the same machine.
_ENVIRONMENT = {"PYTHONPATH": str(ROOT), "RAY_worker_niceness": "0"}
_ENVIRONMENT |= {"GRPC_ENABLE_FORK_SUPPORT": "0"}
_START = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
_START += ["--num-cpus=2", "--port=0", "--node-ip-address=127.0.0.1", "--disable-usage-stats"]
_START += ["--include-dashboard=false", "--object-store-memory=100000000"]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _listens(port: int, head: subprocess.Popen[Any], said: Path) -> None:
    deadline = time.monotonic() + 120
    while head.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(said.read_text())


def _kill(head: subprocess.Popen[Any]) -> None:
    started = psutil.Process(head.pid).children(recursive=True)
    for process in [*started, head]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    head.wait()
    psutil.wait_procs(started, timeout=20)


def _deadly(task: float) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _lacking(task: float) -> None:
    raise ModuleNotFoundError("No module named 'elsewhere'")


def _wrong(task: float) -> None:
    raise ConfigError(f"{task} is wrong")


def test_what_tasks_share_is_unpacked_once_by_each_worker(address: str, tmp_path: Path) -> None:
    logs = [tmp_path / "one", tmp_path / "two"]
    shared = [Parcel(log) for log in logs]
    busy = set()
    with workers(0, address) as pool:
        for _ in range(2):
            tasks = [(number, 0.05) for number in range(30)]
            found = dict(pool.spread(slowly, shared, tasks))
            assert {number: value for number, (value, _) in found.items()} == dict.fromkeys(
                range(30), 0.1
            )
            busy |= {pid for _, pid in found.values()}
    assert len(busy) <= 2
    for log in logs:
        assert sorted(int(pid) for pid in log.read_text().split()) == sorted(busy)


def test_a_worker_killed_in_the_middle_loses_nothing(address: str, tmp_path: Path) -> None:
    shared = [Parcel(tmp_path / "one"), Parcel(tmp_path / "two")]
    tasks = [(number, 0.1) for number in range(60)]
    numbers, busy = [], set()
    with workers(0, address) as pool:
        for number, (_, pid) in pool.spread(slowly, shared, tasks):
            numbers.append(number)
            busy.add(pid)
            if len(numbers) == 5:
                os.kill(pid, signal.SIGKILL)
    assert sorted(numbers) == list(range(60))
    assert len(busy) >= 2, "another worker did the rest"


def test_a_sweep_on_a_cluster_writes_the_same_bytes_and_says_nothing_else(
    address: str, tmp_path: Path
) -> None:
    config = write_inputs(tmp_path)
    assert sweep(config, tmp_path / "here") == 0
    far = start_sweep(config, "--out", str(tmp_path / "there"), "--cluster", address)
    assert (*far.communicate(timeout=300), far.returncode) == ("", "", 0)
    assert_same_bytes(tmp_path / "here", tmp_path / "there")


def test_work_that_is_lost_again_and_again_is_told(address: str) -> None:
    with (
        workers(0, address) as pool,
        pytest.raises(RunError, match=r"lost its workers.*WorkerCrashedError.*--resume"),
    ):
        list(pool.spread(_deadly, [], [(0, 1.0)]))


def test_an_error_of_the_work_itself_arrives_as_it_is(address: str) -> None:
    with workers(0, address) as pool, pytest.raises(ConfigError, match=r"^1\.0 is wrong$"):
        list(pool.spread(_wrong, [], [(0, 1.0)]))


def test_a_module_that_a_worker_lacks_is_told(address: str) -> None:
    with workers(0, address) as pool, pytest.raises(RunError, match=r"lacks a module.*elsewhere"):
        list(pool.spread(_lacking, [], [(0, 1.0)]))


def test_another_version_than_the_clusters_is_told(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.__version__", "1.2.3")
    with pytest.raises(RunError, match=r"Ray: 1\.2\.3") as told, workers(0, address):
        pass
    assert "\n" not in str(told.value)


def test_a_connection_that_the_head_gives_up_is_asked_for_again(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    asked = []
    connect = ray.init

    def aborted_once(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        if len(asked) == 1:
            raise ConnectionAbortedError("Initialization failure from server")
        return connect(*arguments, **options)

    monkeypatch.setattr(ray, "init", aborted_once)
    with workers(0, address) as pool:
        assert list(pool.spread(len, [], [(7, "abc")])) == [(7, 3)]
    assert len(asked) == 2


def test_a_cluster_that_nobody_runs_is_told() -> None:
    address = f"ray://127.0.0.1:{_free_port()}"
    with pytest.raises(RunError, match="cannot be reached") as told, workers(0, address):
        pass
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("address", ["ray://", "ray://host", "ray://:10001", "ray://host:port"])
def test_an_address_without_host_or_port_is_told(address: str) -> None:
    with pytest.raises(ConfigError, match="ray://host:10001"), workers(0, address):
        pass


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.util.client.worker", None)
    with pytest.raises(ConfigError, match=r"\.\[ray\]"), workers(0, "ray://host:10001"):
        pass
