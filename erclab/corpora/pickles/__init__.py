"""Pickles are read without running them: `read` is the entrance, `machine` the interpreter, `values` the types."""

from erclab.corpora.pickles.read import load

__all__ = ["load"]
