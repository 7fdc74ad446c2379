"""`pytest --nbval notebooks/` compares all outputs strictly, but numbers behind the sign ≈ (`erclab.about`).

These follow from a training and differ between processors. What must hold of them everywhere is asserted in the cells.
"""

from pathlib import Path


def pytest_configure(config):
    if getattr(config.option, "nbval_sanitize_with", "no nbval") is None:  # without rules of its user
        config.option.nbval_sanitize_with = str(Path(__file__).with_name("nbval.cfg"))
