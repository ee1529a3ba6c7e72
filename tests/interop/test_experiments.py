"""A sweep on Dask and on joblib gives what it gives with ``map``."""

import pytest

from fnn.train.experiments import sweep
from fnn.train.together import together
from tests.train.test_experiments import GRID, configured, failing, trained
from tests.train.test_together import NETWORKS, trained_together
from tests.train.test_together import trained as trained_alone


def test_a_dask_cluster_changes_nothing():
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert sweep(trained, GRID, map=client.get_executor().map) == sweep(trained, GRID)
        with pytest.raises(ValueError, match="no such width") as caught:
            sweep(failing, GRID, map=client.get_executor().map)
        with pytest.raises(TypeError, match=r"returns results, got Future <.*of Dask client\.get_executor\(\)\.map$"):
            sweep(configured, GRID, map=client.map)
        assert "{'width': 4, 'rate': 0.1}" in caught.value.__notes__[0]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_changes_nothing(backend):
    joblib = pytest.importorskip("joblib")

    def mapped(function, items):
        return joblib.Parallel(n_jobs=2, backend=backend)(map(joblib.delayed(function), items))

    assert sweep(configured, GRID, map=mapped) == sweep(configured, GRID)
    assert sweep(trained, GRID, map=mapped) == sweep(trained, GRID)


def test_groups_on_a_dask_cluster_change_nothing():
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        mapped = client.get_executor().map
        assert sweep(together(trained_together, by="width"), NETWORKS, map=mapped) == sweep(trained_alone, NETWORKS)
