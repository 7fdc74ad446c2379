"""The baselines: fitted without gradient steps. Of a recipe only `standardise` concerns them, and its default holds."""

from __future__ import annotations

from erclab.training.recipes.recipe import Rows

ROWS: Rows = {}
