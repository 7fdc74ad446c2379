"""Sweeps on a Ray cluster: a real one of two nodes, on this machine."""

import contextlib
import os
import socket
import time
from importlib.util import find_spec

import pytest
from compare_runs import differences, leftovers

from erclab import sweep
from erclab.core.errors import RunError, UsageError
from erclab.sweep import backends, schedule

# Ray is imported where it is used: it takes two seconds, and every process of the tests reads this file.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not find_spec("ray"),
                                                   reason='Ray is an optional extra: pip install "erclab[ray]"')]
SWEEP = {"corpora": "simulated-tiny", "seeds": 2, "grids": [
    {"models": "sdt", "settings": {"epochs": 2, "hidden": 8, "heads": 2},
     "changes": {"good": {}, "bad": {"learning_rate": 1e30}}},
    {"models": "bc-lstm", "settings": {"epochs": 1}}, {"models": "linear"}]}


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with one CPU each."""
    import ray
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    # No token in the user's home, no report to Ray's makers, and erclab as it is here.
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    node = {"num_cpus": 1, "object_store_memory": 100_000_000}
    made = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    made.add_node(**node)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()
    os.environ.clear()
    os.environ.update(before)


def ask(values, folder, **options):
    return sweep.run(values, folder=folder, progress=False, **options)


@pytest.fixture
def nothing_shared(monkeypatch):
    """Workers that do not find the driver's folder, as on another machine."""
    @contextlib.contextmanager
    def folder(path, elsewhere):
        yield "a-token-that-nobody-sees"
    monkeypatch.setattr(schedule, "_folder", folder)


@pytest.mark.long  # a minute and a half on two cores, most of it the start of Ray's processes
def test_two_nodes_give_what_this_machine_gives(cluster, tmp_path):
    """The records, the predictions, the weights and the failures."""
    import ray

    on_ray = ask(SWEEP, tmp_path / "ray", backend="ray", address=cluster.address, retries=0)
    assert not ray.is_initialized()  # who was not connected is not afterwards
    here = ask(SWEEP, tmp_path / "here", jobs=1, retries=0)
    assert differences(tmp_path / "here", tmp_path / "ray") == []
    assert len(on_ray.records) == 5 and [r.id for r in on_ray.records] == [r.id for r in here.records]
    assert [(f.job.id, f.error) for f in on_ray.failures] == [(f.job.id, f.error) for f in here.failures]
    assert len(on_ray.failures) == 2 and not [n for n in leftovers(tmp_path / "ray") if "sweep" in n]
    assert len({worker.partition(":")[0] for worker in on_ray.workers.values()}) == 2, "both nodes have worked"


@pytest.mark.long  # Ray waits half a minute, or three minutes, for the place of a killed worker
def test_killed_workers_and_no_common_disk(cluster, tmp_path, monkeypatch, nothing_shared):
    """A worker that dies once costs nothing, one that dies always its own run; files come through Ray."""
    def do(task):
        import os
        import signal
        from pathlib import Path

        from erclab.sweep import backends
        seed, once = task.job.question["seeds"][0], Path(memory)
        if seed == 1 or not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return backends._on_ray(task)
    memory = str(tmp_path / "memory")
    monkeypatch.setattr(backends, "_on_ray", do)
    values = {"models": "sdt", "corpora": "simulated-tiny", "seeds": 2,
              "settings": {"epochs": 1, "hidden": 8, "heads": 2}}
    result = ask(values, tmp_path / "runs", backend="ray", address=cluster.address, jobs=1)
    failure, = result.failures
    assert (failure.job.cells[0].seed, failure.attempts, failure.error) == (1, 2, backends.LOST)
    record, = result.records
    assert record.spec["seed"] == 0 and record.path.parent == tmp_path / "runs"
    assert record.predictions().shape and record.model()
    assert len(list((tmp_path / "runs").iterdir())) == 4


@pytest.mark.long
def test_a_share_of_a_gpu_that_no_node_has(cluster, tmp_path):
    import ray

    with pytest.raises(UsageError, match=r"no node of this Ray cluster has 0\.2 GPU"):
        ask(SWEEP, tmp_path, backend="ray", address=cluster.address, gpus_per_run=0.2)
    assert not ray.is_initialized() and list(tmp_path.iterdir()) == []


def test_an_address_where_nobody_answers_is_an_error_at_once(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        for wrong, said in ((address, "no Ray cluster answers"), (f"ray://{address}", "no Ray cluster answers"),
                            ("nonsense", "Ray does not start")):
            start = time.monotonic()
            with pytest.raises(RunError, match=said) as caught:
                ask(SWEEP, tmp_path, backend="ray", address=wrong)
            assert wrong in str(caught.value) and "ray start --head" in str(caught.value)
            assert time.monotonic() - start < 10
