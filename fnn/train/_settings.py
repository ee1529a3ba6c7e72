"""Settings as values that can be compared: what two configurations have in common.

identity : settings -> a value that equal settings share        chosen : caller, configuration, names -> their values
is_list  : values -> whether they are values in turn
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, cast

from fnn.core._errors import describe


def identity(settings: Mapping[Any, Any]) -> tuple[tuple[Any, Hashable], ...]:
    """Return settings as a value that equal ones share; what has no hash, such as a list, is known by its repr.

    >>> identity({"width": [3], "trial": 0}) == identity({"trial": 0, "width": [3]})
    True
    """
    return tuple(sorted(((name, _hashable(each)) for name, each in settings.items()), key=lambda item: str(item[0])))


def _hashable(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def chosen(caller: str, configuration: Any, names: tuple[Any, ...]) -> dict[Any, Any]:
    """Return the settings of these names, or raise in the name of ``caller`` if the configuration has none.

    >>> chosen("compare", {"width": 3, "trial": 0}, ("width",))
    {'width': 3}
    """
    if not isinstance(configuration, Mapping):
        raise TypeError(f"{caller} expects configurations that are dictionaries, got {describe(configuration)}")
    settings = cast("Mapping[Any, Any]", configuration)
    for name in names:
        if not isinstance(name, Hashable) or callable(name) or _hashable(name) is not name:
            raise TypeError(f"{caller} expects the name of a setting, got {describe(name)}")
        if name not in settings:
            raise ValueError(f"{caller}: no setting {name!r} in the configuration {settings}")
    return {name: settings[name] for name in names}


def is_list(values: Any) -> bool:
    """Return True for what has values in turn; text has letters, and an array of no axes only looks as if it had."""
    return getattr(values, "shape", None) != () and isinstance(values, Iterable) and not isinstance(values, str | bytes)
