"""Partitions on a Dask cluster: a scheduler and two workers, each a process of its own; one of them dies on the way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automl_codex import cli, cluster, generate, stages
from codex_gate.errors import UsageError
from tests.automl_codex.folders import contents

distributed = pytest.importorskip("distributed", reason="distributed is not installed")
OPTIONS = generate.Options(strategy="random", count=240, max_depth=2, seed=5)


class Cluster:
    """A scheduler, and workers that can be killed; no nanny starts them again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self._file))
        deadline = time.monotonic() + 60
        while not (self._file.exists() and self._file.read_text()):
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.05)
        self.address = str(json.loads(self._file.read_text())["address"])

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "dask", *arguments], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        return self.start(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--name", name, "--memory-limit", "0",
            "--local-directory", str(self._folder / name),
        )  # fmt: skip

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, dict[str, subprocess.Popen[bytes]]]]:
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        workers = {name: found.worker(name) for name in ("one", "two")}
        with distributed.Client(found.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield found, workers
    finally:
        found.stop()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "PARTITION", 20)


def make(folder: Path, engine: stages.Engine) -> dict[str, Any]:
    return stages.run(OPTIONS.stage(folder), OPTIONS.works(), generate.Maker(OPTIONS), engine)


def test_the_command_makes_the_same_bytes_there(running: tuple[Cluster, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["generate", "--strategy", "random", "--count", "40", "--max-depth", "1", "--output"]
    there = ["--engine", "dask", "--scheduler", running[0].address]
    assert cli.main([*command, "here"]) == 0 == cli.main([*command, "there", *there])
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    further = ["augment", "--strategy", "eda", "--eda-factor", "1", "--input"]
    assert cli.main([*further, "here", "--output", "a"]) == 0 == cli.main([*further, "there", "--output", "b", *there])
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_what_a_partition_raises_there_is_raised_here(running: tuple[Cluster, Any], tmp_path: Path) -> None:
    with cluster.Dask(running[0].address) as engine, pytest.raises(UsageError, match=r"part-00000\.parquet is damaged"):
        list(engine.run(_read, [tmp_path / "part-00000.parquet"]))


def _read(path: Path) -> list[Any]:
    return list(stages.read(path, stages.ROWS["generate"]))


def test_a_folder_that_workers_do_not_see_is_refused(running: tuple[Cluster, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("here")
    with cluster.Dask(running[0].address) as engine:
        engine.share(tmp_path / "file")
        monkeypatch.setattr(engine, "_ask", lambda function, path: {"tcp://b:1": function(path + "/none")})
        with pytest.raises(UsageError, match=r"worker tcp://\S+ does not see \S+/file as it is here; the folders of a stage must lie where all machines"):
            engine.share(tmp_path / "file")


@pytest.mark.parametrize(
    ("told", "installed", "said"),
    [
        ({"rustc": "0.9"}, "", r"worker tcp://b:1 has rustc 0\.9 instead of 1\.95; partitions must not depend on where they are made"),
        ({"pyarrow": "none", "Python": "3.99.1"}, "", r"has Python 3\.99\.1 instead of 3\.\S+, pyarrow none instead of"),
        ({}, "99", r"worker tcp://b:1 has codex-gate 99, this machine codex-gate \S+; install the same there"),
        ({}, None, r"worker tcp://b:1 has no codex-gate, this machine"),
    ],
)
def test_a_worker_with_other_versions_is_refused(
    told: dict[str, str], installed: str | None, said: str, running: tuple[Cluster, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {**cluster.versions(), "rustc": "1.95", "depyler": cluster.NONE}
    monkeypatch.setattr(cluster, "versions", lambda: here)

    def ask(self: cluster.Dask, function: Any, *arguments: str) -> dict[str, Any]:
        if arguments:
            return {"tcp://b:1": ModuleNotFoundError() if installed is None else installed or here["codex-gate"]}
        return {"tcp://b:1": {**here, "depyler": "depyler 4.1", **told}}

    monkeypatch.setattr(cluster.Dask, "_ask", ask)
    with pytest.raises(UsageError, match=said), cluster.Dask(running[0].address):
        pass


def test_a_worker_that_is_killed_costs_nothing_but_time(running: tuple[Cluster, dict[str, subprocess.Popen[bytes]]], tmp_path: Path) -> None:
    address, victim = running[0].address, running[1]["two"]
    killed: dict[str, int] = {}

    def kill() -> None:
        with distributed.Client(address, set_as_default=False) as client:
            while not list((tmp_path / "there").glob("part-*")):
                time.sleep(0.005)
            of = {info["name"]: worker for worker, info in client.scheduler_info()["workers"].items()}
            killed["running"] = len(client.processing()[of["two"]])
            victim.kill()
        victim.wait()
        killed["parts"] = len(list((tmp_path / "there").glob("part-*")))

    thread = threading.Thread(target=kill)
    thread.start()
    with cluster.Dask(address) as engine:
        manifest = make(tmp_path / "there", engine)
        thread.join()
        assert killed["running"] >= 1 and killed["parts"] < 12  # it had work, and there was work left
        assert manifest["complete"] and len(engine._ask(os.getpid)) == 1
    make(tmp_path / "here", stages.HERE)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_cluster_that_loses_all_its_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    monkeypatch.setattr(cluster, "LOOK", 0.2)
    found = Cluster(tmp_path)
    try:
        worker = found.worker("alone")
        with cluster.Dask(found.address) as engine:
            results = engine.run(_wait, [0.0, 60.0])
            assert next(results) == 0.0
            worker.kill()
            with pytest.raises(UsageError, match=r"has had no worker for 0 s; what is done is kept, and the same command goes on from there"):
                next(results)
    finally:
        found.stop()


def test_a_scheduler_that_dies_on_the_way_is_said(tmp_path: Path) -> None:
    found = Cluster(tmp_path)
    try:
        found.worker("alone")
        with cluster.Dask(found.address) as engine:
            results = engine.run(_wait, [0.0, 60.0])
            assert next(results) == 0.0
            found.processes[0].kill()
            with pytest.raises(UsageError, match=r"the scheduler at tcp://\S+ is gone; what is done is kept, and the same command goes on from there"):
                next(results)
    finally:
        found.stop()


def _wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


# -- without a cluster ---------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> str:
    assert cli.main(["generate", "--count", "5", "--output", str(folder / "raw"), *more]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and not (folder / "raw").exists()
    return said[0]


def test_a_scheduler_that_is_not_there_or_says_nothing_is_given_up_in_bounded_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 1):
            began = time.monotonic()
            said = refused(capsys, tmp_path, "--engine", "dask", "--scheduler", f"tcp://127.0.0.1:{port}")
            assert said == f"automl-codex: no Dask scheduler answers at tcp://127.0.0.1:{port} within 1 s; start one with: dask scheduler"
            assert time.monotonic() - began < 15


def test_a_scheduler_without_workers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 3.0)
    found = Cluster(tmp_path)
    try:
        said = refused(capsys, tmp_path, "--engine", "dask", "--scheduler", found.address)
        assert said == f"automl-codex: the scheduler at {found.address} has no workers; start some with: dask worker {found.address} --nthreads 1"
    finally:
        found.stop()


def test_what_cannot_be_meant_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--scheduler must be an address such as tcp://HOST:8786, got nothing" in refused(capsys, tmp_path, "--engine", "dask")
    assert "such as tcp://HOST:8786, got localhost" in refused(capsys, tmp_path, "--engine", "dask", "--scheduler", "localhost")
    assert "--scheduler is of --engine dask" in refused(capsys, tmp_path, "--scheduler", "tcp://a:1")
    assert "--parallel is of --engine local" in refused(capsys, tmp_path, "--engine", "dask", "--scheduler", "tcp://a:1", "--parallel", "2")
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = refused(capsys, tmp_path, "--engine", "dask", "--scheduler", "tcp://a:1")
    assert said == "automl-codex: distributed is not installed; install it with: pip install 'codex-gate[dask]'"
