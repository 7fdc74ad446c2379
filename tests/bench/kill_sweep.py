"""A sweep is killed at random moments until it is done, and must end like one that was left alone.

    python tests/bench/kill_sweep.py [--kills 20] [--seeds 3] [--jobs 2] [--seed 0] [--folder DIR]

Every kill is SIGKILL to the whole process group, driver and workers, after which the same command is started again. In
the end all records (but for wall time and environment), predictions and weights must be those of an undisturbed sweep,
and no temporary file may be left. Prints what it does and a verdict; the exit status is 0 only if all that holds.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from compare_runs import differences, leftovers

# Times the number of seeds gives the runs: 4 x 3 = 12.
GRID = {"corpora": "simulated-tiny", "grids": [
    {"models": "sdt", "settings": {"epochs": 100, "hidden": 32, "heads": 2}, "modalities": ["all", "text+audio"]},
    {"models": "bc-lstm", "settings": {"epochs": 80}},
    {"models": "dialoguernn", "settings": {"epochs": 15}}]}


def sweep(grid: Path, folder: Path, jobs: int) -> subprocess.Popen:
    """The command, in a process group of its own."""
    return subprocess.Popen([sys.executable, "-m", "erclab", "sweep", str(grid), "--out", str(folder), "--jobs",
                             str(jobs), "--retries", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True, start_new_session=True)


def begun(process: subprocess.Popen, folder: Path) -> float:
    """Wait until an epoch is done (a checkpoint or record is new), or all is over. Returns when that was."""
    before = time.time()
    while process.poll() is None:
        with suppress(FileNotFoundError):  # a checkpoint whose run has ended meanwhile
            if any(p.stat().st_mtime > before for kind in (".*.checkpoint", "*.json") for p in folder.glob(kind)):
                break
        time.sleep(0.02)
    return time.monotonic()


def finish(grid: Path, folder: Path, jobs: int) -> float:
    """Run the sweep to its end. Returns the seconds of work after the first epoch."""
    process = sweep(grid, folder, jobs)
    start = begun(process, folder)
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"the sweep ended with status {process.returncode}:\n{said}")
    return time.monotonic() - start


def disturbed(grid: Path, folder: Path, jobs: int, kills: int, moment: Callable[[int, int], float],
              say: Callable[[str], object], end: Callable[[Path, Path, int], object] = finish) -> int:
    """Kill the sweep again and again, then let it end.

    Args:
        moment: (how many records there are, how many kills are left) -> after how many seconds of work to kill.
        end: (grid, folder, jobs) -> the sweep that is not killed any more.

    Returns:
        How many kills met a sweep that was at work; one that has ended cannot be killed any more.
    """
    met = 0
    for number in range(1, kills + 1):
        records = len(list(folder.glob("*.json")))
        process = sweep(grid, folder, jobs)
        begun(process, folder)  # a start that is killed has nothing to lose
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment(records, kills + 1 - number))
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        met += alive
        done, kept = (len(list(folder.glob(pattern))) for pattern in ("*.json", ".*.checkpoint"))
        say(f"kill {number}{'' if alive else ' came too late'}: {done} records, {kept} checkpoints")
        if not alive:
            break
    end(grid, folder, jobs)
    return met


def main() -> int:
    """Compare and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3, help="times 4 is the number of runs")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="kept afterwards; by default a temporary one")
    options = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        grid = folder / "grid.yaml"
        grid.write_text(json.dumps({**GRID, "seeds": options.seeds}))
        alone = finish(grid, folder / "undisturbed", options.jobs)
        runs = len(list((folder / "undisturbed").glob("*.json")))
        print(f"undisturbed: {runs} runs in {alone:.0f} s", flush=True)
        dice = random.Random(options.seed)

        def moment(records: int, kills: int) -> float:
            """At random, but early enough that the last kill still meets some work."""
            return dice.uniform(0, 0.2 * alone * (1 - records / runs) / kills)

        met = disturbed(grid, folder / "disturbed", options.jobs, options.kills, moment,
                        lambda line: print(line, flush=True))
        found = differences(folder / "undisturbed", folder / "disturbed")
        rest = leftovers(folder / "disturbed")
    for line in [*found, *(f"{name}: left over" for name in rest)]:
        print(line)
    good = not found and not rest and met == options.kills
    print(f"{'PASSED' if good else 'FAILED'}: {runs} runs, {met} of {options.kills} kills met a sweep at work, "
          f"{len(found)} differences, {len(rest)} files left over")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
