"""`erclab sweep`: many runs, several at a time."""

from __future__ import annotations

import argparse
import ast
import json
import sys
import time
from importlib.resources import files
from pathlib import Path

from erclab.cli.common import command


def add(commands) -> None:
    """Add the command to the parser."""
    sweep = command(commands, "sweep", _sweep, "train the runs of a grid, several at a time; load those that exist",
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    sweep.description = f"{sweep.description}{_about()}"
    sweep.add_argument("file", type=Path, metavar="FILE.yaml", help="the grid")
    sweep.add_argument("--jobs", type=int, metavar="N", help="runs at a time, one CPU thread each; 1 uses all threads "
                       "for one (default: one per core; on a GPU 1; on Ray as many as fit)")
    sweep.add_argument("--backend", default="loky", help="loky: processes of this machine (default); ray: a cluster")
    sweep.add_argument("--address", metavar="A", help="of a Ray cluster, such as HOST:6379 (default: the one that "
                       "runs here, or a new one of this machine)")
    sweep.add_argument("--gpus-per-run", type=float, default=0.0, metavar="G",
                       help="share of a GPU that a run takes on Ray, such as 0.2 (default: 0, CPUs only)")
    sweep.add_argument("--retries", type=int, default=1, metavar="N",
                       help="how often a failed run is tried again, after all the others (default: %(default)s)")
    sweep.add_argument("--device", metavar="D", help="auto (default), cpu, cuda or mps")
    sweep.add_argument("--out", type=Path, metavar="DIR", help="where runs are kept (default: build/runs)")
    sweep.add_argument("--force", action="store_true", help="train again even the runs that exist")
    sweep.add_argument("--dry-run", action="store_true", help="list the runs, and which of them exist; train none")
    sweep.add_argument("--json", action="store_true", help="print the runs as JSON")


def _about() -> str:
    """The grid's format, out of the package that reads it; importing that would make every command slow to start."""
    source = files("erclab").joinpath("sweep", "__init__.py").read_text(encoding="utf-8")
    return "\n\n" + (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[2]


def _sweep(options) -> int:
    from erclab import sweep
    from erclab.analysis import scores

    if options.dry_run:
        return _dry_run(options)
    start, bars = time.perf_counter(), sys.stderr.isatty()

    def said(job, outcome, done, total):
        """A line per run where a bar cannot be drawn."""
        if not bars:
            remaining = (time.perf_counter() - start) / done * (total - done)
            what = f"failed: {outcome.error}" if isinstance(outcome, sweep.Failure) else \
                f"{outcome.data['wall_time_s']:.1f} s"
            print(f"[{done}/{total}] {job.title}: {what}" + (f" ({_duration(remaining)} left)" if done < total else ""),
                  file=sys.stderr, flush=True)

    result = sweep.run(options.file, folder=options.out, jobs=options.jobs, backend=options.backend,
                       address=options.address, gpus_per_run=options.gpus_per_run, retries=options.retries,
                       force=options.force, device=options.device, said=said)
    failed = {f.job.id: f for f in result.failures}
    if options.json:
        records = {r.id: r for r in result.records}
        print(json.dumps([{
            "id": job.id, "title": job.title,
            "state": "failed" if job.id in failed else "trained" if job.id in result.workers else "loaded",
            **({"error": failed[job.id].error, "attempts": failed[job.id].attempts, "trace": failed[job.id].trace}
               if job.id in failed else {"path": str(records[job.id].path),
                                         "protocols": records[job.id].data["protocols"]}),
        } for job in result.jobs]))
    else:
        groups = result.groups()
        for task in dict.fromkeys(reported[0].task for reported in groups.values()):
            table = scores.headlines({title: r for title, r in groups.items() if r[0].task == task})
            print(f"{task} on the test split (shares in %), mean ± deviation over seeds:\n{table.to_string()}\n")
        print(f"{len(result.jobs)} runs: {len(result.workers)} trained, "
              f"{len(result.records) - len(result.workers)} loaded, {len(failed)} failed; "
              f"{_duration(time.perf_counter() - start)}"
              + (f", {result.records[0].path.parent}" if result.records else ""))
    for failure in failed.values():
        print(f"erclab: failed after {failure.attempts} attempt(s): {failure.job.title}: {failure.error}\n"
              f"{failure.trace}".rstrip(), file=sys.stderr)
    return 1 if failed else 0


def _dry_run(options) -> int:
    from erclab import sweep
    from erclab.core import paths

    folder = options.out or paths.runs_dir()
    found = [{"id": job.id, "title": job.title, "exists": (folder / f"{job.id}.json").exists()}
             for job in sweep.plan(sweep.read(options.file))]
    if options.json:
        print(json.dumps(found))
        return 0
    for row in found:
        print(f"{'there' if row['exists'] else 'new':<6} {row['id']}  {row['title']}")
    print(f"{len(found)} runs, {sum(bool(row['exists']) for row in found)} of them there already, in {folder}")
    return 0


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
