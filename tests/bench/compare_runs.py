"""Two folders of runs, held against each other."""

import json
from pathlib import Path

APART = ("environment", "wall_time_s")  # what may differ between two trainings of one run


def differences(first: Path, second: Path) -> list[str]:
    """One line per difference: a run that only one folder has, or a record, prediction or weight that differs."""
    names = [{p.name for p in folder.iterdir() if not p.name.startswith(".")} for folder in (first, second)]
    found = [f"{name}: in one folder only" for name in sorted(names[0] ^ names[1])]
    for name in sorted(names[0] & names[1]):
        if name.endswith(".json"):
            a, b = (json.loads((folder / name).read_text()) for folder in (first, second))
            found += [f"{name}: {key} differs" for key in sorted(a.keys() | b.keys())
                      if key not in APART and a.get(key) != b.get(key)]
        elif (first / name).read_bytes() != (second / name).read_bytes():
            found.append(f"{name}: differs")
    return found


def leftovers(folder: Path) -> list[str]:
    """Hidden files: locks, checkpoints, temporary files."""
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))
