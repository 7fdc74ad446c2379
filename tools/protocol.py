#!/usr/bin/env python3
"""Train what the protocol audit keeps (O3, O5, O6, O9), and store it under data/results/protocol/CORPUS/.

    nice python tools/protocol.py inflation --corpus simulated-lesson --seeds 100-109   # 40 runs, half an hour
    nice python tools/protocol.py conventions left_out --corpus simulated-lesson --seeds 100-104
    nice python tools/protocol.py leakage --corpus iemocap-text-audio --data FOLDER
    python tools/protocol.py found --corpus simulated --runs FOLDER  # O3 of runs that are there, in their own recipes

Runs that exist in the folder (--runs) are loaded. What is stored is computed from records alone, so a second call
writes the same bytes.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the package of this checkout, whatever is installed

from erclab import corpora, models, sweep  # noqa: E402
from erclab.analysis import inflation, kept, plays  # noqa: E402
from erclab.core import paths  # noqa: E402
from erclab.corpora import simulated  # noqa: E402
from erclab.exhibits import protocol  # noqa: E402
from erclab.runs import Question  # noqa: E402

AUDITS = ("inflation", "conventions", "left_out", "leakage", "found")


def main() -> None:
    """Train or load, and store."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("audits", nargs="+", choices=AUDITS)
    command.add_argument("--corpus", default="simulated-lesson")
    command.add_argument("--data", help="its folder, for a corpus that is not embedded")
    command.add_argument("--seeds", default="100-109", help="first and last (default: 100-109)")
    command.add_argument("--runs", type=Path, default=paths.runs_dir(), help="where runs are kept")
    command.add_argument("--only", default="", help="models or questions, such as bc-lstm,sdt or M2FNet; the others "
                         "that are stored stay")
    options = command.parse_args()
    corpus = corpora.load(options.corpus, options.data) if options.data else corpora.load(options.corpus)
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    for audit in options.audits:
        if audit == "leakage":
            print(plays.write_table(corpus, plays.without_plays(corpus)))
            continue
        other = inflation.shuffled(corpus) if audit == "inflation" else None
        asked = {"inflation": lambda c: protocol.inflation_questions(c, None),
                 "conventions": protocol.convention_questions, "left_out": protocol.left_out_questions,
                 "found": own_recipes}[audit](corpus)
        if options.only:
            asked = {name: q for name, q in asked.items() if {q.model, name} & {*options.only.split(",")}}
        how = {"seeds": range(3) if audit == "found" else seeds, "folder": options.runs}
        found = {name: records for name, q in asked.items()
                 for records in [sweep.answers({name: q}, corpus, other, progress=False, **how)[name]]}
        prints = [corpus.fingerprint, *([other.fingerprint] if other else [])]
        path = kept.place(corpus.name, "inflation" if audit == "found" else audit)
        there = kept.read(path) if options.only and path.exists() else {}
        made = kept.of_records(found)
        if simulated.world_behind(corpus) is None:  # no prediction of an utterance of a real corpus is kept
            made = {name: [x.summed(corpus) for x in some] for name, some in made.items()}
        if audit not in ("inflation", "found"):  # one protocol is enough, in half the space
            made = {name: [x.alone("sound") for x in some] for name, some in made.items()}
        kept.write_kept(path, there | made, prints, corpus=corpus.name, profile="smoke",
                   environment=next(iter(found.values()))[0].data["environment"])
        print(f"{path}: {sum(map(len, found.values()))} runs, {path.stat().st_size / 1000:.0f} kB")


def own_recipes(corpus) -> dict[str, Question]:
    """Every trained classifier of the registry in its own recipe."""
    return {info.title: Question(info.name, {"task": "emotion"}) for info in models.MODELS.values()
            if info.kind == "trained" and "emotion" in info.tasks}


if __name__ == "__main__":
    main()
