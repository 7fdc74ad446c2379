"""Figures and tables: pure functions from corpora and runs to a DataFrame or a Figure. Nothing here trains."""
