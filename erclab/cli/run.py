"""`erclab run`: one model on one corpus."""

from __future__ import annotations

import json
from pathlib import Path

from erclab.cli.common import changes, command, fold_of, profile_and_corpus, read_options, reading
from erclab.core.errors import UsageError


def add(commands) -> None:
    """Add the command to the parser."""
    run = command(commands, "run", _run, "train a model on a corpus, or load the runs that exist")
    run.add_argument("model", metavar="MODEL", help="a name from `erclab models`")
    profile_and_corpus(run)
    reading(run)
    seeds = run.add_mutually_exclusive_group()
    seeds.add_argument("--seeds", type=int, default=1, metavar="N", help="how many seeds, 0 to N-1 (default: 1)")
    seeds.add_argument("--seed", type=int, action="append", metavar="S", help="this seed alone; may be repeated")
    run.add_argument("--protocol", default="sound",
                     help="the scores that are printed. sound: the epoch with the best validation score (default); "
                          "published: the best test epoch, as several official codes report. Every record has both")
    run.add_argument("--variant", help="paper: the equations; official: the authors' code (default: the recipe's)")
    run.add_argument("--modalities", metavar="M,M", help="a subset such as text,audio (default: all that there are)")
    run.add_argument("--task", help="emotion, emotion4, sentiment, dimensional, or the name of a --target "
                     "(default: the corpus's first)")
    run.add_argument("--folds", metavar="N|COLUMN", help="cross-validate: N folds of dialogues, or one per value of a "
                     "column such as session; scores are over all folds' predictions together")
    run.add_argument("--complete", action="store_true", help="only utterances that have every modality asked for")
    run.add_argument("--words", metavar="BERT", help="the model reads words and fine-tunes this BERT: minilm, a "
                     "Hugging Face name or a folder (dialoguetrm)")
    run.add_argument("--teacher", metavar="ID", help="a run to distil from (sdt with --set distillation=offline)")
    run.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                     help="a setting of the model or its recipe, such as hidden=32, bert.layers=1 or epochs=5; may be "
                          "repeated")
    run.add_argument("--text-encoder", default="minilm", metavar="NAME",
                     help="minilm (default, offline), or a Hugging Face name or path; for corpora without text vectors")
    run.add_argument("--device", metavar="D", help="auto (default), cpu, cuda or mps")
    run.add_argument("--out", type=Path, metavar="DIR", help="where runs are kept (default: build/runs)")
    run.add_argument("--force", action="store_true", help="train again even if the run exists")
    run.add_argument("--json", action="store_true", help="print the records as JSON")


def _run(options) -> int:
    from erclab import corpora, models, runs
    from erclab.corpora.notices import tell

    info = models.info(options.model)  # before a corpus is read and encoded for nothing
    modalities = [m.strip() for m in options.modalities.split(",")] if options.modalities else None
    # A model of sequences gets the words one by one where the corpus has only their text.
    corpus = corpora.load(options.corpus, options.data, text_encoder=options.text_encoder,
                          text_as=info.text_as, **read_options(options))
    if options.complete:
        corpus = corpora.complete(corpus, modalities)
    tell(corpus)
    question = {"seeds": options.seed or options.seeds, "protocol": options.protocol, "profile": options.profile,
                "variant": options.variant, "modalities": modalities, "task": options.task, "words": options.words,
                "teacher": options.teacher, "folder": options.out, "force": options.force, "device": options.device}
    question |= _settings(options.changes, question)
    if options.folds:
        return _cross_validate(options, corpus, question)
    records = runs.run(options.model, corpus, **question)
    if options.json:
        print(json.dumps([r.data for r in records]))
        return 0
    print(_used(records[0], corpus))
    _print_scores(records[0].title, records)
    for r in records:
        print(f"seed {r.spec['seed']}: epoch {r.epoch()} by the {r.protocol} protocol, "
              f"{r.data['wall_time_s']:.0f} s, {r.path}")
    return 0


def _print_scores(title: str, records) -> None:
    """The headline scores; of an own task of several columns also those of each column."""
    from erclab.analysis import scores

    print(scores.headlines({title: records}).to_string())
    columns = scores.by_column(records)
    if not records[0].target.built_in and len(columns):
        print(columns.to_string())


def _used(record, corpus, folds: int = 0) -> str:
    """One line: what a run read of its corpus, and how many utterances have the task's annotation."""
    import numpy as np

    from erclab.corpora import SPLITS

    def count(split):
        truth = corpus.targets(split, record.task)
        there = truth >= 0 if truth.ndim == 1 else ~np.isnan(truth).all(1)
        return f"{len(truth):,} utterances" + ("" if there.all() else f" ({there.sum():,} with {record.task})")

    read = record.spec["modalities"]
    rest = [m if m in corpus.dims else f"{m}, there as sequences" for m in (*corpus.dims, *corpus.frame_dims)
            if m not in read]
    lacking = {m: int((~corpus.has(m)).sum()) for m in read if m in {*corpus.dims, *corpus.frame_dims}}
    named = [f"{m} (missing in {lacking[m]:,})" if lacking.get(m) else m for m in read]
    parts = [f"{s} {count(s)}" for s in SPLITS if len(corpus.rows(s))]
    return (f"Read: {', '.join(named)}" + (f" (not {', '.join(dict.fromkeys(rest))})" if rest else "") + "; "
            + (f"{len(corpus):,} utterances in {folds} folds" if folds else ", ".join(parts)))


def _settings(pairs: list[str], question: dict) -> dict:
    """The settings of --set, after a check that none is an argument of a run, such as seeds."""
    found = changes(pairs)
    for name in found:
        if name in {*question, "model", "corpus", "recipe", "progress", "together", "by", "fold_seed", "seed"}:
            raise UsageError(f"{name} is no setting of a model or recipe", where="--set",
                             remedy="What a run is asked has options of its own: erclab run --help.")
    return found


def _cross_validate(options, corpus, question) -> int:
    from erclab import runs

    pooled = runs.cross_validate(options.model, corpus, by=fold_of(options.folds), **question)
    if options.json:
        print(json.dumps([{"scores": p.scores(), "runs": [r.data for r in p.records]} for p in pooled]))
        return 0
    print(_used(pooled[0].records[0], corpus, folds=len(pooled[0].records)))
    _print_scores(pooled[0].records[0].title, pooled)
    seconds = sum(r.data["wall_time_s"] for p in pooled for r in p.records)
    print(f"{len(pooled[0].records)} folds, {len(pooled[0].truth)} utterances, each predicted by a model that had not "
          f"seen its dialogue; {seconds:.0f} s, {pooled[0].records[0].path.parent}")
    return 0
