"""The mistakes that code from scratch makes, by number: what each is called, and what to write instead.

MISTAKES : number -> Mistake, its name and what to write          TABLES : all that ``tables.toml`` says
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple


class Mistake(NamedTuple):
    """The name of a mistake, a line that says what it does; and what to write instead."""

    name: str
    instead: str


TABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("tables.toml").read_text("utf-8"))
MISTAKES = {int(number): Mistake(*texts) for number, texts in TABLES["mistakes"].items()}
