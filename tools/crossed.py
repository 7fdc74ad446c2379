#!/usr/bin/env python3
"""Train what O15 and O17 are made from, and models without a play for O6, under data/results/protocol/CORPUS/.

    nice python tools/crossed.py training                                       # simulated: corpus seeds x seeds
    nice python tools/crossed.py sessions --corpus iemocap-text-audio --data FOLDER     # sessions x seeds
    nice python tools/crossed.py encoders --corpus meld --data FOLDER                   # tf-idf, MiniLM x seeds
    nice python tools/crossed.py noise                                          # simulated-lesson: mistakes x seeds
    nice python tools/crossed.py plays --corpus iemocap-text-audio --data FOLDER        # O6 of trained models
    nice python tools/crossed.py repeats --corpus iemocap-text-audio --data FOLDER      # no training

Runs that exist in the folder (--runs) are loaded, so that a stopped call goes on. Of a test dialogue only its sums
are kept.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the package of this checkout, whatever is installed

from erclab import corpora, models, runs  # noqa: E402
from erclab.analysis import kept, noise, plays, variance  # noqa: E402
from erclab.analysis.evaluation import evaluate  # noqa: E402
from erclab.analysis.tallies import ALL, dialogues_of, tally  # noqa: E402
from erclab.claims.splits import fresh_dialogues  # noqa: E402
from erclab.core import paths  # noqa: E402
from erclab.corpora import simulated  # noqa: E402
from erclab.corpora.folds import folds  # noqa: E402
from erclab.published.claims import book  # noqa: E402

MODELS = ("bc-lstm", "m2fnet")
DIALOGUES = {"training": 500, "noise": 300}  # fresh ones: the files keep 55 and 100 runs
DESIGNS = {"training": "simulated", "sessions": "iemocap-text-audio", "encoders": "meld", "noise": "simulated-lesson",
           "repeats": "iemocap-text-audio", "plays": "iemocap-text-audio"}


def main() -> None:
    """Train or load, and store."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("design", choices=DESIGNS)
    command.add_argument("--corpus", help="another one than " + ", ".join(f"{c} ({d})" for d, c in DESIGNS.items()))
    command.add_argument("--data", help="its folder, for a corpus that is not embedded")
    command.add_argument("--seeds", default="100-104", help="first and last (default: 100-104)")
    command.add_argument("--models", default=",".join(MODELS), help=f"default: {','.join(MODELS)}")
    command.add_argument("--runs", type=Path, default=paths.runs_dir(), help="where runs are kept")
    given = command.parse_args()
    given.corpus = given.corpus or DESIGNS[given.design]
    first, _, last = given.seeds.partition("-")
    given.seeds, given.models = range(int(first), int(last or first) + 1), given.models.split(",")
    made = {"training": training, "sessions": sessions, "encoders": encoders, "noise": mistakes, "repeats": repeats,
            "plays": without_plays}
    print(made[given.design](given))


def trained(given, name, corpus, seeds=None):
    """The runs of a model by seed; of a fitted one a single run."""
    wanted = seeds or (given.seeds if models.info(name).kind == "trained" else given.seeds[:1])
    return runs.run(name, corpus, seeds=wanted, task="emotion", folder=given.runs, progress=False)


def summed(records, corpus, fresh=None, truth=None):
    """Runs with the sums of each test dialogue of their corpus, or of fresh dialogues with another truth."""
    found = []
    for record in records:
        one = kept.from_record(record).alone("sound")
        if fresh is None:
            one = one.summed(corpus)
        else:
            of_label = fresh.targets("test") if truth is None else truth
            sums = tally(record.target, of_label, evaluate(record, fresh).predictions, dialogues_of(fresh, "test")).sums
            one = replace(one, predictions={}, sums={"sound": sums[ALL]})
        found.append(replace(one, valid=one.valid[:0], test=one.test[:0]))
    return found


def fresh_of(given, world=None):
    """The first of the fresh dialogues on which the claims are judged."""
    return fresh_dialogues(given.corpus, book().protocol["fresh"] | {"dialogues": DIALOGUES[given.design]},
                           frames=False, world=world)


def store(given, found, factor, shared, corpus):
    """Write a design."""
    path = kept.place(given.corpus, variance.FILE)
    kept.write_kept(path, variance.design_groups(found),
                    [corpus.fingerprint], corpus=given.corpus, profile="smoke", factor=factor, shared=shared)
    return path


def training(given):
    """Corpus seeds (those of the runs) x seeds, on fresh dialogues."""
    fresh, found = fresh_of(given), {}
    for draw in given.seeds:
        corpus = corpora.load(given.corpus, seed=draw)
        for name in (*given.models, "linear"):
            found.setdefault(models.info(name).title, {})[str(draw)] = summed(trained(given, name, corpus), corpus,
                                                                               fresh)
    return store(given, found, "training data", True, fresh)


def sessions(given):
    """Leave one session out x seeds."""
    whole, found = corpora.load(given.corpus, given.data), {}
    for i, corpus in enumerate(folds(whole, "session"), 1):
        for name in (*given.models, "linear"):
            found.setdefault(models.info(name).title, {})[str(i)] = summed(trained(given, name, corpus), corpus)
    return store(given, found, "session", False, whole)


def encoders(given):
    """Text vectors of tf-idf and of MiniLM, as wide, x seeds."""
    frozen, found = corpora.load(given.corpus, given.data), {}
    counts = replace(frozen, name=f"{given.corpus}-tfidf", vectors={**frozen.vectors, "text": variance.tfidf_vectors(
        frozen, frozen.dims["text"])})
    for level, corpus in (("tf-idf", counts), ("MiniLM", frozen)):
        for name in (*given.models, "linear"):
            found.setdefault(models.info(name).title, {})[level] = summed(trained(given, name, corpus), corpus)
    return store(given, found, variance.ENCODER, True, frozen)


def without_plays(given):
    """Trained models with all plays, without the play of the utterance, and without equally many others; models that
    are stored stay."""
    corpus, path = corpora.load(given.corpus, given.data), kept.place(given.corpus, plays.TRAINED)
    found = kept.read(path) if path.exists() else {}
    for name in given.models:
        made = {}
        for seed in given.seeds:
            whole, = trained(given, name, corpus, [seed])
            guess = whole.predictions("test", "sound").argmax(1)
            guesses = {plays.SEEN: guess, plays.UNSEEN: guess.copy(), plays.CONTROL: guess.copy()}
            for way, part, at in plays.without_each(corpus, plays.plays_of(corpus), plays.SCRIPTED):
                record, = trained(given, name, part, [seed])
                guesses[way][at] = record.predictions("test", "sound").argmax(1)[at]
            for group, run in plays.kept_guesses(corpus, models.info(name).title, kept.from_record(whole),
                                                 guesses).items():
                made.setdefault(group, []).append(run)
        kept.write_kept(path, found := found | made, [corpus.fingerprint], corpus=given.corpus, profile="smoke")
    return path


def repeats(given):
    """What words alone can reach on repeated lines; no run."""
    return noise.write_repeats(corpora.load(given.corpus, given.data))


def mistakes(given):
    """Rates of annotators' mistakes x seeds, against the labels and against the emotions of fresh dialogues."""
    found = {}
    for rate, annotators in [(rate, 1) for rate in noise.RATES] + [(rate, 3) for rate in noise.RATES[1:]]:
        world = {"mistakes": rate, "annotators": annotators}
        fresh = fresh_of(given, world)
        for against, run in noise.oracle_runs(fresh, simulated.world_behind(fresh)).items():
            found[noise.curve_key(noise.ORACLE, rate, annotators, against)] = [run]
        for name in given.models if annotators == 1 else ():
            records = trained(given, name, corpus := corpora.load(given.corpus, world=world))
            for against in noise.AGAINST:
                found[noise.curve_key(models.info(name).title, rate, annotators, against)] = summed(
                    records, corpus, fresh, noise.truth_of(fresh, against))
    path = kept.place(given.corpus, noise.FILE)
    kept.write_kept(path, found, [], corpus=given.corpus, profile="smoke")
    return path


if __name__ == "__main__":
    main()
