"""`erclab runs`: list the records of a folder, show the confusion of one, and confirm records of older code."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from functools import cache
from pathlib import Path

from erclab.cli.common import changes, command, fold_of, named, read_options, reading, simulated_options
from erclab.core.errors import UsageError


def add(commands) -> None:
    """Add the command to the parser."""
    runs = command(commands, "runs", _runs, "list the runs that exist, with their scores on the test split; confirm "
                   "older ones")
    for name, text in (("model", "a name from `erclab models`"), ("corpus", "a name from `erclab corpora`"),
                       ("task", "emotion, emotion4, sentiment, dimensional or an own one"), ("seed", "of the run")):
        runs.add_argument(f"--{name}", metavar=name[0].upper(), help=f"only these: {text}")
    runs.add_argument("--where", action="append", default=[], metavar="NAME=VALUE",
                      help="only runs with this in a column, or in a setting of the model or its recipe, such as "
                           "hidden=32; may be repeated")
    runs.add_argument("--sort", metavar="COLUMN", help="by a column or setting (default: model, corpus, seed)")
    runs.add_argument("--descending", action="store_true", help="with --sort: the largest first")
    runs.add_argument("--out", type=Path, metavar="DIR", help="where runs are kept (default: build/runs)")
    runs.add_argument("--json", action="store_true", help="as JSON, with all columns")
    actions = runs.add_subparsers(metavar="ACTION", help="without one: list them")
    confusion = command(actions, "confusion", _confusion, "print the confusion matrix of a run's test split, and "
                        "precision, recall and F1 of each label")
    confusion.add_argument("run", metavar="RUN", help="an id, the beginning of an id, or a path")
    confusion.add_argument("--protocol", help="sound or published, as in erclab run (default: sound)")
    confusion.add_argument("--csv", type=Path, metavar="FILE", help="write one row per label: precision, recall, F1, "
                           "support, and how often each label was predicted")
    confusion.add_argument("--runs", metavar="DIR", help="where runs are kept (default: build/runs)")
    confusion.add_argument("--json", action="store_true", help="as JSON")
    evaluate = command(actions, "evaluate", _evaluate, "score a trained run on other dialogues, beside the oracle "
                       "of what the run reads where they are simulated; nothing is trained")
    evaluate.add_argument("run", metavar="RUN", help="an id, the beginning of an id, a path, or an exported folder")
    evaluate.add_argument("--fresh", type=int, metavar="N", help="so many fresh dialogues of the simulated world of "
                          "the run (of --corpus, if it is given); --corpus-seed then says which (default: 0)")
    evaluate.add_argument("--corpus", metavar="C", help="a labelled corpus of the same labels and widths (default: "
                          "that of training, if it is simulated)")
    evaluate.add_argument("--data", metavar="DIR", help="the folder of --corpus, if that is not embedded")
    evaluate.add_argument("--split", metavar="S", help="train, valid or test (default: test, or the one that there is)")
    reading(evaluate)
    evaluate.add_argument("--text-encoder", default="minilm", metavar="NAME", help="for --corpus; see erclab run")
    evaluate.add_argument("--no-oracle", action="store_true", help="leave out the oracle, which may take a minute")
    evaluate.add_argument("--device", default="cpu", metavar="D", help="auto, cpu (default), cuda or mps")
    evaluate.add_argument("--runs", metavar="DIR", help="where runs are kept (default: build/runs)")
    evaluate.add_argument("--json", action="store_true", help="as JSON, scores as shares")
    confirm = command(actions, "confirm", _confirm, "rename the records of older code whose numbers today's code "
                      "reproduces: one seed of each configuration is trained again and compared")
    confirm.add_argument("folder", nargs="?", type=Path, metavar="FOLDER",
                         help="of the records (default: data/results)")
    for name, text in (("model", "a name from `erclab models`"), ("corpus", "a name from `erclab corpora`")):
        confirm.add_argument(f"--{name}", metavar=name[0].upper(), help=f"only these: {text}")
    confirm.add_argument("--data", metavar="DIR", help="the folder of --corpus, if that is not embedded")
    reading(confirm)
    confirm.add_argument("--text-encoder", default="minilm", metavar="NAME", help="for --corpus; see erclab run")
    confirm.add_argument("--folds", metavar="N|COLUMN", help="records of a cross-validation; see erclab run")
    confirm.add_argument("--complete", action="store_true", help="records of complete utterances; see erclab run")
    confirm.add_argument("--tolerance", type=float, default=0.0, metavar="X", help="the largest difference of a score, "
                         "loss or prediction that counts as none (default: 0, equal to the last digit)")
    confirm.add_argument("--jobs", type=int, default=1, metavar="N", help="how many runs are trained at a time")
    confirm.add_argument("--device", metavar="D", help="auto (default), cpu, cuda or mps")
    confirm.add_argument("--scratch", type=Path, metavar="DIR", help="where runs are trained (default: build/confirm)")
    confirm.add_argument("--dry-run", action="store_true", help="train nothing and rename nothing")
    confirm.add_argument("--json", action="store_true", help="as JSON")


def _runs(options) -> int:
    from erclab.core import paths
    from erclab.runs.table import COLUMNS, catalogue, column

    asked = changes(options.where, "--where")
    named = {name: getattr(options, name) for name in ("model", "corpus", "task", "seed")}
    table = catalogue(options.out, where={name: v for name, v in named.items() if v is not None} | asked,
                      warn=lambda line: print(f"erclab: warning: {line}", file=sys.stderr))
    if options.sort and len(table):
        values = column(table, options.sort)
        if not all(isinstance(v, int | float) for v in values):  # lists and mixtures have no order of their own
            values = values.astype(str)
        table = table.loc[values.sort_values(ascending=not options.descending, kind="stable").index]
    if options.json:
        print(table.to_json(orient="records"))
        return 0
    if len(table):
        named_too = [str(column(table, n).name) for n in [*asked, options.sort] if n]
        shown = [*COLUMNS, *(n for n in dict.fromkeys(named_too) if n not in COLUMNS)]
        print(table[shown].to_string(index=False, na_rep="–", float_format=lambda x: f"{x:.4g}"))
    older = int((table["code"] == "older").sum())
    marked = f", {older} of them made by older code (erclab runs confirm --help)" if older else ""
    print(f"{len(table)} runs in {options.out or paths.runs_dir()}{marked}")
    return 0


def _confusion(options) -> int:
    import pandas as pd

    from erclab.core.storage import write_atomically
    from erclab.core.storing import storing

    record = named(options.run, options.runs)
    per_class, counts = record.per_class(options.protocol), record.confusion(options.protocol)
    matrix = pd.DataFrame(counts, index=record.labels, columns=[f"predicted {name}" for name in record.labels])
    both = per_class.join(matrix)
    if options.csv:
        with storing("the table", options.csv, "Name another file (--csv), or free some space."):
            write_atomically(options.csv, both.to_csv(lineterminator="\n").encode("utf-8", "replace"))
    if options.json:
        print(both.reset_index().to_json(orient="records", force_ascii=False))
        return 0
    print(per_class.to_string(float_format=lambda x: f"{x:.3f}", na_rep="–"))
    print(f"\nCounts on the test split, row = truth\n{matrix.to_string()}")
    if options.csv:
        print(options.csv)
    return 0


def _evaluate(options) -> int:
    import erclab

    record = named(options.run, options.runs)
    corpus = _other_dialogues(options, record)
    split = options.split or next(s for s in ("test", "valid", "train") if len(corpus.rows(s)))
    found = erclab.evaluate(record, corpus, split=split, oracle=not options.no_oracle, device=options.device)
    if options.json:
        print(found.to_frame().rename_axis("who").reset_index().to_json(orient="records", force_ascii=False))
    else:
        print(found)
    return 0


def _other_dialogues(options, record):
    """The corpus that the options name; that of training by default."""
    from erclab import corpora
    from erclab.analysis.evaluation import corpus_of
    from erclab.corpora import simulated
    from erclab.corpora.notices import tell
    from erclab.corpora.registry import reader_options
    from erclab.corpora.simulated.reader import world_asked_for

    asked = simulated_options(options)
    preset = simulated.NAMES.get(options.corpus or record.spec["corpus"])
    if not options.corpus and options.fresh is None and not read_options(options):
        return corpus_of(record)
    if preset is None or (options.fresh is None and options.corpus):
        if not options.corpus:
            raise UsageError(f"{record.spec['corpus']}, on which the run was trained, is not simulated",
                             where=record.id, remedy="Name a labelled corpus (--corpus, --data).")
        how = {"folded": True} if "folded" in reader_options(options.corpus) else {}  # one split is enough
        corpus = tell(corpora.load(options.corpus, options.data, text_encoder=options.text_encoder,
                                   text_as=record.info.text_as, **how, **read_options(options)))
        return corpus if options.fresh is None else simulated.fresh(corpus, options.fresh)
    world = None if options.corpus else simulated.world_behind(corpus_of(record))
    settings = {**vars(world.settings if world else simulated.PRESETS[preset]), **asked.get("world", {})}
    seed = settings.pop("seed")
    if options.fresh is None:
        return corpora.load(record.spec["corpus"], **{"seed": seed, **read_options(options), "world": settings})
    kept = record.fitted
    return simulated.fresh(world_asked_for(preset, seed, settings), options.fresh, asked.get("seed"),
                           frames=bool(kept and kept.sequences))


def _confirm(options) -> int:
    from erclab.core import paths
    from erclab.runs.confirm import confirm

    folder = options.folder or paths.results_dir()
    verdicts = []
    for verdict in confirm(folder, _corpora(options), model=options.model, corpus=options.corpus,
                           scratch=options.scratch, tolerance=options.tolerance, jobs=options.jobs,
                           device=options.device, dry_run=options.dry_run):
        verdicts.append(verdict)
        if not options.json and verdict.state != "left":
            print(f"{verdict.state:<9}  {verdict.title}: {verdict.reason} ({verdict.older[0]})", flush=True)
    if options.json:
        print(json.dumps([asdict(verdict) for verdict in verdicts]))
        return 0
    left = Counter[str]()
    for verdict in verdicts:
        left[f"{verdict.title}: {verdict.reason}"] += len(verdict.older) * (verdict.state == "left")
    for line, count in left.items():
        if count:
            print(f"left       {line}" + (f" ({count} records)" if count > 1 else ""))
    counts = {state: sum(len(v.older) for v in verdicts if v.state == state)
              for state in dict.fromkeys(v.state for v in verdicts)}
    print(f"{sum(counts.values())} records of older code in {folder}"
          + "".join(f", {count} {state}" for state, count in counts.items()))
    return 0


def _corpora(options):
    """A function that gives the corpora that may belong to a record, read as the options say."""
    from erclab import corpora
    from erclab.corpora.folds import folds

    if not options.corpus and read_options(options):
        raise UsageError("options of a corpus, and no corpus", remedy="Name it (--corpus).")

    @cache
    def read(name: str, text_as: str, modalities: tuple[str, ...]) -> list:
        needs_data = name in corpora.CORPORA and corpora.CORPORA[name].needs_data
        if name not in corpora.CORPORA or (needs_data and not (options.data and options.corpus == name)):
            return []
        how = read_options(options) if name == options.corpus else {}
        found = [corpora.load(name, options.data if needs_data else None, text_encoder=options.text_encoder,
                              text_as=text_as, **how)]
        if options.complete:
            found.append(corpora.complete(found[0], modalities))
        if options.folds:
            found += [part for corpus in found for part in folds(corpus, fold_of(options.folds))]
        return found

    return lambda record: read(record.spec["corpus"], record.info.text_as, tuple(record.spec["modalities"]))
