"""The command line. Each command is a thin layer over a function that a notebook can call as well."""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
from pathlib import Path

import erclab
from erclab.errors import ErclabError, NotebookError, UsageError

EPILOG = "Every command explains itself with --help. A mistake of yours ends with status 2 and one line."


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 a notebook failed, 2 a mistake that the user can mend."""
    options = _parser().parse_args(arguments)
    if not sys.stderr.isatty():  # a bar that redraws itself makes a mess of a log file
        os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        return options.command(options)
    except ErclabError as error:
        print(f"erclab: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("erclab: stopped; finished runs are kept, an unfinished one starts again next time", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `erclab models | head` is no mistake
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="erclab", description=erclab.__doc__, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"erclab {erclab.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    study = _command(commands, "study", _study, "execute the notebooks and leave copies, figures and a summary")
    study.add_argument("numbers", nargs="*", metavar="NN", help="notebooks by number, such as 01 12 (default: all)")
    _profile_and_corpus(study)
    study.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: build/study/CORPUS-PROFILE)")
    study.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                       help="another parameter of the notebooks; one that a notebook does not have is an error")
    study.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N",
                       help="notebooks at a time, which share the cores (default: %(default)s)")
    study.add_argument("--update", action="store_true", help="write results into notebooks/ and figures/, for a commit")
    study.add_argument("--json", action="store_true", help="print what was executed as JSON")

    run = _command(commands, "run", _run, "train a model on a corpus, or load the runs that exist")
    run.add_argument("model", metavar="MODEL", help="a name from `erclab models`")
    _profile_and_corpus(run)
    run.add_argument("--seeds", type=int, default=1, metavar="N", help="how many seeds, 0 to N-1 (default: 1)")
    run.add_argument("--protocol", default="sound",
                     help="sound: epoch chosen on validation, test touched once (default); "
                          "published: best test epoch, as several official codes report, beside the sound score")
    run.add_argument("--variant", help="paper: the equations; official: the authors' code (default: the recipe's)")
    run.add_argument("--modalities", metavar="M,M", help="a subset such as text,audio (default: all that there are)")
    run.add_argument("--task", help="emotion, emotion4, sentiment or dimensional (default: the corpus's first)")
    run.add_argument("--folds", metavar="N|COLUMN", help="cross-validate: N folds of dialogues, or one per value of a "
                     "column such as session; scores are over all folds' predictions together")
    run.add_argument("--complete", action="store_true", help="only utterances that have every modality asked for")
    run.add_argument("--words", metavar="BERT", help="the model reads words and fine-tunes this BERT: minilm, a "
                     "Hugging Face name or a folder (dialoguetrm)")
    run.add_argument("--teacher", metavar="ID", help="a run to distil from (sdt with --set distillation=offline)")
    run.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                     help="a setting of the model or its recipe, such as hidden=32 or epochs=5; may be repeated")
    run.add_argument("--text-encoder", default="minilm", metavar="NAME",
                     help="minilm (default, offline), or a Hugging Face name or path; for corpora without text vectors")
    run.add_argument("--device", metavar="D", help="auto (default), cpu, cuda or mps")
    run.add_argument("--out", type=Path, metavar="DIR", help="where runs are kept (default: build/runs)")
    run.add_argument("--force", action="store_true", help="train again even if the run exists")
    run.add_argument("--json", action="store_true", help="print the records as JSON")

    models = _command(commands, "models", _models, "list the models with their sizes, beside those that papers print")
    models.add_argument("models", nargs="*", metavar="MODEL", help="these only (default: all)")
    models.add_argument("--json", action="store_true", help="as JSON")
    contracts = _command(commands, "contracts", _contracts, "hold models to what each must keep, and print the matrix")
    contracts.add_argument("models", nargs="*", metavar="MODEL", help="names from `erclab models` (default: all)")
    contracts.add_argument("--contract", action="append", metavar="NAME", help="this one only; may be repeated")
    contracts.add_argument("--all", action="store_true", help="also those that train whole runs, which takes minutes")
    contracts.add_argument("--json", action="store_true", help="as JSON")
    corpora = _command(commands, "corpora", _corpora, "list the corpora and what each needs; show or import one")
    corpora.add_argument("--json", action="store_true", help="as JSON")
    actions = corpora.add_subparsers(metavar="ACTION", help="without one: list them")
    show = _command(actions, "show", _show, "print splits, labels, lengths, speakers, what is missing, and leakage")
    show.add_argument("name", metavar="NAME", help="a name from `erclab corpora`")
    show.add_argument("--data", metavar="DIR", help="the folder of a corpus that is not embedded")
    show.add_argument("--json", action="store_true", help="as JSON")
    imported = _command(actions, "import", _import, "read a corpus once and write it as a folder that opens at once")
    imported.add_argument("name", metavar="NAME", help="a name from `erclab corpora`")
    imported.add_argument("--data", metavar="DIR", help="the folder of a corpus that is not embedded")
    imported.add_argument("--out", type=Path, metavar="DIR", required=True, help="the new folder")
    return parser


def _command(commands, name: str, function, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EPILOG)
    command.set_defaults(command=function)
    return command


def _profile_and_corpus(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", default="smoke", help="smoke: a CPU, seconds (default); full: paper scale")
    command.add_argument("--corpus", default="simulated", metavar="C", help="a name from `erclab corpora`")
    command.add_argument("--data", metavar="DIR", help="the folder of a corpus that is not embedded")


def _study(options) -> int:
    try:
        from erclab import notebooks
    except ImportError as error:
        raise NotebookError(f"{error.name} is not installed",
                            remedy='Install it with: pip install "erclab[notebooks]".') from None
    from erclab import corpora, paths, sweep
    from erclab.exhibits import scores
    from erclab.training.recipes import recipe_for

    # A mistake here is one line now, not a notebook that fails later; and text is encoded here, where one sees a bar.
    recipe_for("", "", options.profile)
    notebooks.find(options.numbers)
    data = str(Path(options.data).resolve()) if options.data else ""
    corpus = corpora.load(options.corpus, data or None)
    extra = _changes(options.changes)
    tables = []

    def results(done):
        """The table behind 12_sdt: its runs exist by now and are loaded."""
        if any(r.name == "12_sdt" and not r.error for r in done):
            seeds = {"seeds": extra["seeds"]} if "seeds" in extra else {}
            tables.append(scores.table(sweep.comparison(corpus, profile=options.profile, progress=False, **seeds)))
        return tables[0] if tables else None

    done, summary = notebooks.study(
        options.numbers, profile=options.profile, corpus=options.corpus, data=data, out=options.out, extra=extra,
        update=options.update, results=results, jobs=options.jobs,
        say=lambda line: print(line, file=sys.stderr, flush=True))
    failed = [r.name for r in done if r.error]
    if options.json:
        print(json.dumps({"summary": str(summary), "notebooks": [
            {"name": r.name, "path": str(r.path), "seconds": round(r.seconds, 1), "error": r.error} for r in done]}))
    else:
        for table in tables:
            print(f"Scores on the test split (%), mean ± deviation over seeds:\n{table.to_string()}\n")
        print(f"{len(done) - len(failed)} of {len(done)} notebooks done"
              + (f", failed: {', '.join(failed)}" if failed else ""))
        figures = paths.figures_dir() if options.update else summary.parent / "figures"
        print(f"Summary:   {summary}\nNotebooks: {summary.parent}\nFigures:   {figures}")
    return 1 if failed else 0


def _run(options) -> int:
    from erclab import corpora, models, runs
    from erclab.exhibits import scores

    info = models.info(options.model)  # before a corpus is read and encoded for nothing
    modalities = [m.strip() for m in options.modalities.split(",")] if options.modalities else None
    # A model of sequences gets the words one by one where the corpus has only their text.
    corpus = corpora.load(options.corpus, options.data, text_encoder=options.text_encoder,
                          text_as="tokens" if info.view == "sequence" else "vectors")
    if options.complete:
        corpus = corpora.complete(corpus, modalities)
    question = {"seeds": options.seeds, "protocol": options.protocol, "profile": options.profile,
                "variant": options.variant, "modalities": modalities, "task": options.task, "words": options.words,
                "teacher": options.teacher, "folder": options.out, "force": options.force, "device": options.device,
                **_changes(options.changes)}
    if options.folds:
        return _cross_validate(options, corpus, question)
    records = runs.run(options.model, corpus, **question)
    if options.json:
        print(json.dumps([r.data for r in records]))
        return 0
    print(scores.table({records[0].title: records}).to_string())
    for r in records:
        protocol = r.spec["protocol"]
        print(f"seed {r.spec['seed']}: epoch {r.data['protocols'][protocol]['epoch']} by the {protocol} protocol, "
              f"{r.data['wall_time_s']:.0f} s, {r.path}")
    return 0


def _cross_validate(options, corpus, question) -> int:
    from erclab import runs
    from erclab.exhibits import scores

    by = int(options.folds) if options.folds.isdigit() else options.folds
    pooled = runs.cross_validate(options.model, corpus, by=by, **question)
    if options.json:
        print(json.dumps([{"scores": p.scores(), "runs": [r.data for r in p.records]} for p in pooled]))
        return 0
    print(scores.table({pooled[0].records[0].title: pooled}).to_string())
    seconds = sum(r.data["wall_time_s"] for p in pooled for r in p.records)
    print(f"{len(pooled[0].records)} folds, {len(pooled[0].truth)} utterances, each predicted by a model that had not "
          f"seen its dialogue; {seconds:.0f} s, {pooled[0].records[0].path.parent}")
    return 0


def _models(options) -> int:
    from erclab.exhibits import sizes

    found = sizes.describe(options.models or None)
    print(json.dumps(found) if options.json else sizes.text(found))
    return 0


def _contracts(options) -> int:
    from erclab import contracts

    names = options.contract or (list(contracts.CONTRACTS) if options.all else None)
    results = contracts.verify(options.models or None, names, progress=not options.json)
    table = contracts.matrix(results=results)
    failed = [r for r in results if r.status == contracts.FAILS]
    if options.json:
        print(json.dumps({"matrix": table.to_dict("index"), "findings": [
            {"model": r.case.row.model, "variant": r.case.row.variant, "modalities": r.case.subset,
             "contract": r.contract, "status": r.status, "says": r.says, "reason": r.reason}
            for r in results if r.status in (contracts.BREAKS, contracts.FAILS)]}))
        return 1 if failed else 0
    print(contracts.text(table))
    for title, lines in contracts.explained(results).items():
        print(f"\n{title}\n" + "\n".join(f"  {line}" for line in lines))
    left_out = [n for n in contracts.SLOW if n not in table.columns]
    if left_out and not options.contract:
        print(f"\nNot tried, it trains whole runs: {', '.join(left_out)} (--all).")
    return 1 if failed else 0


def _corpora(options) -> int:
    from erclab.corpora import CORPORA

    rows = [{"name": c.name, "title": c.title, "needs": ", ".join(c.files) or "nothing", "obtain": c.obtain,
             "licence": c.licence} for c in CORPORA.values()]
    _print(rows, ("name", "title", "needs", "obtain"), options.json)
    return 0


def _show(options) -> int:
    from erclab import corpora
    from erclab.analysis.leakage import completeness, leakage
    from erclab.exhibits.conversations import overview

    corpus = corpora.load(options.name, options.data, labelled=False)
    tables = {"Splits": overview(corpus), "Features": completeness(corpus)}
    if corpus.labels:
        tables["Labels"] = corpus.counts()
    tables["Test split, what was there in training"] = leakage(corpus)
    facts = {"name": corpus.name, "source": corpus.source, "tasks": list(corpus.tasks), "labels": list(corpus.labels),
             "roles": list(corpus.roles), "without emotion label": int((~corpus.labelled).sum()),
             "fingerprint": corpus.fingerprint}
    if options.json:
        print(json.dumps(facts | {name: table.to_dict("index") for name, table in tables.items()}, default=str))
        return 0
    print("\n".join(f"{key + ':':<23} {', '.join(value) if isinstance(value, list) else value}"
                    for key, value in facts.items() if value not in ([], 0)))
    for name, table in tables.items():
        if len(table):
            print(f"\n{name}\n{table.to_string()}")
    return 0


def _import(options) -> int:
    from erclab import corpora
    from erclab.corpora import cache

    corpus = corpora.load(options.name, options.data, labelled=False)
    folder = cache.save(corpus, options.out)
    print(f"{len(corpus)} utterances in {folder}\nUse it: erclab run sdt --corpus imported --data {folder}")
    return 0


def _print(rows: list[dict], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(row[columns[0]])
        for column in columns[1:]:
            print(f"    {column + ':':<8} {row[column]}")


def _changes(pairs: list[str]) -> dict:
    """NAME=VALUE pairs; a value is a Python literal (0.1, True, None, (1, 2)) or else text."""
    changes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"'{pair}' is not NAME=VALUE", where="--set", remedy="For example: --set epochs=5.")
        try:
            changes[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            changes[name] = value
    return changes
