"""scikit-learn's checks of an estimator, on both with their defaults: none fails, and what is skipped is told here."""

import pytest

pytest.importorskip("sklearn", "1.6")

from sklearn.utils.estimator_checks import check_estimator

from fnn.interop.sklearn import NetworkClassifier, NetworkRegressor

# It asks for arrays of other libraries, which no estimator without support for them is held to, and for an environment
# variable of SciPy's that is read when SciPy is imported.
SKIPPED = {"check_array_api_input"}


@pytest.mark.parametrize(("estimator", "least"), [(NetworkClassifier(), 60), (NetworkRegressor(), 54)])
@pytest.mark.filterwarnings("ignore")  # what checks do on purpose: too few epochs, columns as targets
def test_no_check_fails(estimator, least):
    checks = check_estimator(estimator, on_skip=None, on_fail=None)
    by_status = {status: {check["check_name"] for check in checks if check["status"] == status} for status in
                 ("passed", "failed", "skipped", "xfail")}  # fmt: skip
    assert by_status["failed"] == by_status["xfail"] == set()
    assert by_status["skipped"] <= SKIPPED
    assert len([check for check in checks if check["status"] == "passed"]) >= least
