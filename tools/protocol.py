#!/usr/bin/env python3
"""Train what the protocol audit keeps (O3, O5, O6, O9, O14, O16), and store it under data/results/protocol/CORPUS/.

    nice python tools/protocol.py inflation --corpus simulated-lesson --seeds 100-109   # 40 runs, half an hour
    nice python tools/protocol.py conventions left_out --corpus simulated-lesson --seeds 100-104
    nice python tools/protocol.py context words speakers --corpus simulated-lesson --seeds 100-104
    nice python tools/protocol.py leakage --corpus iemocap-text-audio --data FOLDER
    python tools/protocol.py found --corpus simulated --runs FOLDER  # O3 of runs that are there, in their own recipes

Runs that exist in the folder (--runs) are loaded. What is stored is computed from records alone, so a second call
writes the same bytes.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the package of this checkout, whatever is installed

import numpy as np  # noqa: E402
import torch  # noqa: E402

from erclab import corpora, models, sweep  # noqa: E402
from erclab.analysis import inertia, inflation, kept, plays, worth  # noqa: E402
from erclab.analysis.evaluation import evaluate  # noqa: E402
from erclab.core import paths  # noqa: E402
from erclab.core.provenance import environment  # noqa: E402
from erclab.corpora import interventions, simulated  # noqa: E402
from erclab.exhibits import context, protocol  # noqa: E402
from erclab.runs import Question  # noqa: E402

AUDITS = ("inflation", "conventions", "left_out", "leakage", "found", *context.ARMS)


def main() -> None:
    """Train or load, and store."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("audits", nargs="+", choices=AUDITS)
    command.add_argument("--corpus", default="simulated-lesson")
    command.add_argument("--data", help="its folder, for a corpus that is not embedded")
    command.add_argument("--seeds", default="100-109", help="first and last (default: 100-109)")
    command.add_argument("--runs", type=Path, default=paths.runs_dir(), help="where runs are kept")
    command.add_argument("--only", default="", help="models or questions, such as bc-lstm,sdt or M2FNet; of O14 and "
                         "O16 models, what they are given, or baselines; the others that are stored stay")
    options = command.parse_args()
    corpus = corpora.load(options.corpus, options.data) if options.data else corpora.load(options.corpus)
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    for audit in options.audits:
        if audit == "leakage":
            print(plays.write_table(corpus, plays.without_plays(corpus)))
            continue
        how = {"seeds": range(3) if audit == "found" else seeds, "folder": options.runs}
        if audit in context.ARMS:
            made = altered_runs(corpus, audit, options.only, **how)
            store(worth.tested_on(corpus), audit, made, options.only, corpus)
            continue
        other = inflation.shuffled(corpus) if audit == "inflation" else None
        asked = {"inflation": lambda c: protocol.inflation_questions(c, None),
                 "conventions": protocol.convention_questions, "left_out": protocol.left_out_questions,
                 "found": own_recipes}[audit](corpus)
        if options.only:
            asked = {name: q for name, q in asked.items() if {q.model, name} & {*options.only.split(",")}}
        made = kept.of_records({name: sweep.answers({name: q}, corpus, other, progress=False, **how)[name]
                                for name, q in asked.items()})
        if audit not in ("inflation", "found"):  # one protocol is enough, in half the space
            made = {name: [x.alone("sound") for x in some] for name, some in made.items()}
        store(corpus, "inflation" if audit == "found" else audit, made, options.only, *([other] if other else []))


def store(corpus, what, made, only, *others) -> None:
    """Keep runs; with `only`, those that are stored stay."""
    if simulated.world_behind(corpus) is None:  # no prediction of an utterance of a real corpus is kept
        made = {name: [x.summed(corpus) if x.predictions else x for x in some] for name, some in made.items()}
    path = kept.place(corpus.name, what)
    there = kept.read(path) if only and path.exists() else {}
    kept.write_kept(path, there | made, [c.fingerprint for c in (corpus, *others)], corpus=corpus.name, profile="smoke",
                    environment=environment(torch.device("cpu")))
    print(f"{path}: {sum(map(len, made.values()))} runs, {path.stat().st_size / 1000:.0f} kB", flush=True)


def altered_runs(corpus, audit, only, seeds, folder) -> dict[str, list[kept.KeptRun]]:
    """The runs of O14 or O16, their predictions in the order of the tested corpus; of O14 also the baselines of last
    labels and the oracle."""
    found, tested, changed = {}, worth.tested_on(corpus), {}
    for arm in context.ARMS[audit](corpus):
        if only and not {arm.model, arm.given} & {*only.split(",")}:
            continue
        if arm.given in interventions.ALTERED and arm.given not in changed:
            changed[arm.given] = [interventions.ALTERED[arm.given](c) for c in (corpus, tested)]
        on, test = changed.get(arm.given, (None, None))
        on = on.corpus if on else corpus
        records = sweep.answers({"": arm.on(corpus, on)}, on, progress=False, seeds=seeds, folder=folder)[""]
        found[arm.name] = []
        for record in records:
            seen = evaluate(record, test.corpus if test else tested).predictions.argmax(1)
            found[arm.name].append(replace(  # curves are not needed, and are of the changed test split
                kept.from_record(record), valid=np.zeros(0), test=np.zeros(0), predictions={
                    "sound": test.restored(seen) if test else seen}))
        print(f"{arm.name}: {[round(r.scores('test')['weighted_f1'], 3) for r in records]}", flush=True)
    if not only or "baselines" in only.split(","):
        if audit == context.CONTEXT:
            found |= inertia.kept_runs(corpus, tested) | worth.runs_of_oracle(tested)
        if audit == context.WORDS:
            found |= worth.runs_of_oracle(tested, ("text",))
    return found


def own_recipes(corpus) -> dict[str, Question]:
    """Every trained classifier of the registry in its own recipe."""
    return {info.title: Question(info.name, {"task": "emotion"}) for info in models.MODELS.values()
            if info.kind == "trained" and "emotion" in info.tasks}


if __name__ == "__main__":
    main()
