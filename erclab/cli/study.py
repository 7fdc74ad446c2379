"""`erclab study`: the notebooks."""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from pathlib import Path

from erclab.cli.common import changes, command, profile_and_corpus, read_options, reading, variant_of
from erclab.core.errors import NotebookError

OF_SDT = "simulated-lesson"  # the corpus of 12_sdt where none is named


def add(commands) -> None:
    """Add the command to the parser."""
    study = command(commands, "study", _study, "execute the notebooks and leave copies, figures and a summary")
    study.add_argument("numbers", nargs="*", metavar="NN", help="notebooks by number, such as 01 12 (default: all)")
    profile_and_corpus(study, of_each="the simulated one of each notebook")
    reading(study)
    study.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: build/study/CORPUS-PROFILE)")
    study.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                       help="another parameter of the notebooks; one that a notebook does not have is an error")
    study.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N",
                       help="notebooks at a time, which share the cores (default: %(default)s)")
    study.add_argument("--update", action="store_true", help="write results into notebooks/ and figures/, for a commit")
    study.add_argument("--json", action="store_true", help="print what was executed as JSON")


def _imported(options, name: str, data: str) -> tuple[str, str]:
    """The parameters `corpus` and `data` of a notebook for a corpus that was read with options: it is imported."""
    from erclab import corpora
    from erclab.core import paths
    from erclab.corpora import cache

    corpus = corpora.load(name, data or None, **{"labelled": False, **read_options(options)})
    folder = paths.runs_dir().parent / "imported" / f"{corpus.name}-{corpus.fingerprint[:12]}"
    return "imported", str(cache.save(corpus, folder).resolve())


def _study(options) -> int:
    try:
        from erclab import study
    except ImportError as error:
        raise NotebookError(f"{error.name} is not installed",
                            remedy='Install it with: pip install "erclab[notebooks]".') from None
    from erclab import corpora, runs, sweep
    from erclab.analysis import scores
    from erclab.core import paths
    from erclab.corpora.notices import tell
    from erclab.training.recipes import recipe_for

    # A mistake here is one line now, not a notebook that fails later; and text is encoded here, where one sees a bar.
    recipe_for("", "", options.profile)
    study.find(options.numbers)
    data = str(Path(options.data).resolve()) if options.data else ""
    corpus = tell(corpora.load(options.corpus or OF_SDT, data or None, **read_options(options)))
    name, instead, out = options.corpus, None, options.out
    if read_options(options):  # notebooks take a corpus and a folder: the corpus is imported once, as it was read
        if name:
            name, data = _imported(options, name, data)
        else:
            instead = cache(lambda own: _imported(options, own, ""))
        out = out or paths.project_root() / "build" / "study" / "-".join(
            [variant_of(options.corpus or "simulated", options), options.profile])
    extra = changes(options.changes)
    if "seeds" in extra:
        runs.plan("constant", corpus, seeds=extra["seeds"])
    tables = []

    def results(done):
        """The table behind 12_sdt: its runs exist by now and are loaded. A corpus without vectors has none."""
        if corpus.modalities and any(r.name == "12_sdt" and not r.error for r in done):
            seeds = {"seeds": extra["seeds"]} if "seeds" in extra else {}
            tables.append(scores.headlines(sweep.comparison(corpus, profile=options.profile, progress=False, **seeds)))
        return tables[0] if tables else None

    done, summary = study.study(
        options.numbers, profile=options.profile, corpus=name, data=data, instead=instead, out=out, extra=extra,
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
