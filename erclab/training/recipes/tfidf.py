"""The baselines of words: fitted without gradient steps. Nothing of a recipe concerns them."""

from __future__ import annotations

from erclab.training.recipes.recipe import Rows

ROWS: Rows = {}
