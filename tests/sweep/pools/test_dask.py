"""A real Dask scheduler with two worker processes on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stoptrail.core.errors import ConfigError, RunError
from stoptrail.sweep.pools import dask as dask_pool
from stoptrail.sweep.pools.dask import DaskCluster
from stoptrail.sweep.pools.processes import workers
from tests.sweep.far import Parcel, assert_same_bytes, slowly
from tests.sweep.small import sweep, write_inputs

distributed = pytest.importorskip(
    "distributed", reason="the extra `cluster` (dask[distributed]) is not installed"
)

# The cluster's own threads and sockets end a moment after their context does.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Port:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    settings = {"distributed.worker.daemon": False}
    import dask

    with dask.config.set(settings), local_cluster() as found:
        yield found


def local_cluster(tries: int = 3, **more: Any) -> Any:
    """Two workers here. Distributed gives its own event loop ten seconds to begin, and fails an
    assertion where a busy machine takes longer."""
    try:
        return distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=50,
            **more,
        )
    except AssertionError:
        if tries == 1:
            raise
        return local_cluster(tries - 1, **more)


def test_what_tasks_share_travels_with_the_workers_not_with_the_tasks(
    cluster: Any, tmp_path: Path
) -> None:
    logs = [tmp_path / "one", tmp_path / "two"]
    shared = [Parcel(log) for log in logs]
    with workers(0, cluster.scheduler_address) as pool:
        for _ in range(2):
            tasks = [(number, 0.01) for number in range(30)]
            found = dict(pool.spread(slowly, shared, tasks))
            assert {number: value for number, (value, _) in found.items()} == dict.fromkeys(
                range(30), 0.02
            )
    for log in logs:
        arrived = [int(pid) for pid in log.read_text().split()]
        # Once each; a scheduler that has not heard of a copy's arrival yet may send it again.
        assert len(set(arrived)) == 2
        assert len(arrived) <= 2 * len(set(arrived))


def test_a_worker_killed_in_the_middle_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    shared = [Parcel(tmp_path / "one"), Parcel(tmp_path / "two")]
    with workers(0, cluster.scheduler_address) as pool:
        victim = next(iter(cluster.workers.values())).pid
        tasks = [(number, 0.1) for number in range(60)]
        found = []
        for number, _ in pool.spread(slowly, shared, tasks):
            found.append(number)
            if len(found) == 5:
                os.kill(victim, signal.SIGKILL)
    assert sorted(found) == list(range(60))


def test_a_sweep_on_a_cluster_writes_the_same_bytes(cluster: Any, tmp_path: Path) -> None:
    config = write_inputs(tmp_path)
    assert sweep(config, tmp_path / "here") == 0
    assert sweep(config, tmp_path / "there", "--cluster", cluster.scheduler_address) == 0
    assert_same_bytes(tmp_path / "here", tmp_path / "there")


def test_work_that_is_lost_again_and_again_is_told() -> None:
    class Lossy(DaskCluster):
        tries = 0

        def _once(self, *_: Any) -> Iterator[tuple[int, Any]]:
            self.tries += 1
            yield self.tries, "done"
            raise distributed.scheduler.KilledWorker("task", None, 1)

    found = []
    with pytest.raises(RunError, match="lost its workers 3 times"):
        found += list(Lossy(None).spread(len, [], [(k, k) for k in range(1, 9)]))
    assert found == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nowhere"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(ConfigError, match="must be the address"), workers(0, address):
        pass


@pytest.mark.parametrize(
    "address",
    ["tcp://", "tcp://x", "tcp://x:99999", "tcp://x:y", "tcp://[::1", "tls://:8786", "tcp://[::1]"],
)
def test_an_address_without_host_and_port_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="must name host and port"), workers(1, address):
        pass


def test_something_else_that_listens_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "_CONNECT_SECONDS", 3)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        threads.submit(_as_a_web_server, server)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with (
            pytest.raises(ConfigError, match="not answer as a Dask scheduler"),
            workers(1, address),
        ):
            pass


def test_tls_without_certificates_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tls://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConfigError, match="needs certificates"), workers(1, address):
            pass


def test_certificates_that_are_not_there_are_told() -> None:
    import dask

    places = ("ca-file", "client.cert", "client.key")
    with (
        dask.config.set({f"distributed.comm.tls.{name}": "/none.pem" for name in places}),
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        address = f"tls://127.0.0.1:{server.getsockname()[1]}"
        told = r"needs certificates \(No such file or directory\)"
        with pytest.raises(ConfigError, match=told), workers(1, address):
            pass


def test_work_travels_over_tls_with_the_certificates_of_dasks_configuration() -> None:
    pytest.importorskip("cryptography", reason="certificates for a day need it")
    import dask

    made = distributed.Security.temporary()
    own = {"ca-file": made.tls_ca_file}
    own |= {"client.cert": made.tls_client_cert, "client.key": made.tls_client_key}
    with (
        dask.config.set({f"distributed.comm.tls.{key}": value for key, value in own.items()}),
        local_cluster(protocol="tls", security=made) as cluster,
    ):
        assert cluster.scheduler_address.startswith("tls://")
        with workers(0, cluster.scheduler_address) as pool:
            found = dict(pool.spread(_doubled, [], [(number, number) for number in range(8)]))
    assert found == {number: 2 * number for number in range(8)}


def _doubled(number: int) -> int:
    return 2 * number


def _as_a_web_server(server: socket.socket) -> None:
    server.settimeout(2)
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            connection.close()
