"""A plugin of pytest, under which scikit-learn's own tests of its networks get the estimators of fnn instead.

    python -m pytest --pyargs sklearn.neural_network.tests.test_mlp -p tests.interop.mlp_stand_in

Weights and biases have other names there; what else these tests ask for has to come from the estimators themselves.
"""

import sklearn.neural_network as there

from fnn import tree
from fnn.interop.sklearn import NetworkClassifier, NetworkRegressor


def leaves_named(estimator, name):
    network = estimator.network_
    return [leaf for path, leaf in zip(tree.paths(network), tree.leaves(network), strict=True) if path.endswith(name)]


class Names:
    @property
    def coefs_(self):
        return leaves_named(self, "weight")

    @property
    def intercepts_(self):
        return leaves_named(self, "bias")


class MLPClassifier(Names, NetworkClassifier):
    pass


class MLPRegressor(Names, NetworkRegressor):
    pass


def pytest_configure():  # as a plugin alone: a suite that looks for doctests imports this file too
    there.MLPClassifier, there.MLPRegressor = MLPClassifier, MLPRegressor
