"""`erc.evaluate`: a trained run on more dialogues, without training."""

from __future__ import annotations

from pathlib import Path

from erclab.analysis import evaluation
from erclab.analysis.evaluation import Evaluation
from erclab.core.errors import UsageError
from erclab.corpora import Corpus, simulated
from erclab.face.prediction import load_model
from erclab.runs import Record


def evaluate(run: Record | str | Path, corpus: Corpus | None = None, *, split: str = "test", oracle: bool = True,
             folder: str | Path | None = None, device: str = "cpu") -> Evaluation:
    """The scores of a trained run on a corpus, with standard errors over dialogues; nothing is trained.

        fresh = erc.corpora.simulated.fresh(corpus, 2000)       # 2,000 dialogues that no run has seen
        erc.evaluate(runs[0], fresh)

    Args:
        run: a run of `erc.run`; or what `erc.load_model` takes.
        corpus: labelled, with the labels and widths of the run's corpus of training; it may lack the other splits. The
            run reads it with the standardiser of training. By default the corpus of training.
        split: train, valid or test.
        oracle: of a simulated corpus: also evaluate the exact oracle of the view that the run reads, on the same
            dialogues.
        folder: where runs are kept; `build/runs` of the checkout by default.
        device: where to compute: "cpu", "cuda", "auto" ...

    Returns:
        `.scores`, `.errors` (standard errors), `.predictions`, `.confusions` (per dialogue), `.oracles`, `.gap(other)`
        and `.to_frame()`.

    Raises:
        UsageError: there is no such run, the corpus does not fit the run, or the corpus of training is needed.
        CorpusError: the split is empty or without labels.
        RunError: the run lacks its weights or its standardiser.
        FeatureError: the tokenizer of a run that reads words is not available.
    """
    if isinstance(run, str | Path):
        run = load_model(run, folder=folder)
    if not isinstance(run, Record):
        raise UsageError(f"evaluate needs one run, not {type(run).__name__}",
                         remedy="Give one of those that erc.run returns, such as runs[0].")
    if corpus is None:
        corpus = getattr(run, "corpus", None) or evaluation.corpus_of(run)
    if not isinstance(corpus, Corpus):
        raise UsageError(f"evaluate needs a corpus, not {type(corpus).__name__}",
                         remedy='Give one of erc.load, or erc.corpora.simulated.fresh(corpus, 1000).')
    kept = run.fitted
    if kept and kept.sequences and not corpus.frames and simulated.world_behind(corpus):
        raise UsageError(f"{run.title} reads sequences, and the corpus was made without them", where=corpus.source,
                         remedy="Make them: simulated.fresh(corpus, 1000, frames=True).")
    found = evaluation.evaluate(run, corpus, split, device=device)
    return evaluation.beside(found, run, corpus, split) if oracle else found
