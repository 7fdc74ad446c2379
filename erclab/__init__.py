"""erclab: a reproducibility study of multimodal emotion recognition in conversations.

    import erclab as erc

    corpus = erc.load("simulated")
    runs = erc.run("sdt", corpus, seeds=3)
    erc.compare(["sdt", "bc-lstm", "linear"], corpus, seeds=3).bars(ceiling=True)

`dir(erclab)` lists what there is, `help(erclab.run)` explains one of them. The rooms of the package are there by their
names, too: `erc.analysis.statistics`, `erc.figures.scores`.
"""

import importlib as _importlib
import os as _os
import sys as _sys

__version__ = "0.1.0"

# Idle OpenMP threads should sleep soon, not spin. When another process wants the same cores, spinning threads wait for
# one another: measured on two busy cores, SDT took 2 to 8 times as long with two spinning threads as with sleeping
# ones. But some 20 microseconds cost nothing, and on idle cores SDT is a fifth and MulT twice faster than if every
# small operation has to wake a thread. It counts only if torch has not been imported yet; notebooks inherit it.
_os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_os.environ.setdefault("GOMP_SPINCOUNT", "2000")

# Public name -> the module that defines it, which is imported when the name is first used: `erclab --help` must need
# neither torch nor pandas. `__init__.pyi` has the same names for editors.
_FACE = {
    "load": "face.corpora", "oracle": "face.corpora", "list_corpora": "face.corpora",
    "list_models": "face.models", "check_model": "face.models", "draw_model": "face.models",
    "left_out": "face.models", "sizes": "face.models",
    "run": "face.training", "compare": "face.training",
    "Run": "face.runs", "Runs": "face.runs", "Comparison": "face.comparison",
    "predict": "face.prediction", "load_model": "face.prediction", "evaluate": "face.evaluation",
    "export": "runs.export",
    "exhibit": "face.exhibits", "list_exhibits": "face.exhibits", "save": "face.exhibits",
    "ledger": "face.ledger", "conversation": "face.stepper",
    "check_parameters": "face.notebook", "about": "face.about",
    "list_exercises": "face.labs", "lab": "face.labs", "check": "face.labs", "answer": "face.labs",
    "Recipe": "training.recipes", "Model": "models.interface", "Output": "models.interface",
    "DialogueBatch": "core.batches", "SequenceBatch": "core.batches", "ErclabError": "core.errors",
}
_ROOMS = ("analysis", "claims", "contracts", "corpora", "exhibits", "features", "figures", "labs", "models",
          "published", "runs", "study", "sweep")
__all__ = ["__version__", *_FACE]


def __getattr__(name: str):
    if name in _ROOMS:
        return _importlib.import_module(f"erclab.{name}")
    if name not in _FACE:
        raise AttributeError(f"module 'erclab' has no attribute '{name}'", name=name, obj=_sys.modules[__name__])
    value = getattr(_importlib.import_module(f"erclab.{_FACE[name]}"), name)
    globals()[name] = value
    return value


if "IPython" in _sys.modules:  # a notebook: errors of users are one line
    _importlib.import_module("erclab.face.notebook").short_errors()


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
