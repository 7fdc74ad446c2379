"""A run as a folder of its own, which needs neither the corpus nor the other runs.

    run.json                  the record: configuration, labels, scores, environment
    run.weights.safetensors   the weights of a trained model
    run.fitted.safetensors    the standardiser; the numbers of a fitted baseline
    tokenizer/                of a model that reads words
    source.py                 the source of a class of one's own, to read; no function here runs it
    README.md                 what it is, its scores, and how to use it
"""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import erclab
from erclab import models
from erclab.core import metrics
from erclab.core.errors import RunError, UsageError
from erclab.core.source import file_of
from erclab.core.storage import write_atomically
from erclab.features.encoders import encoder_identity, load_tokenizer
from erclab.runs.records import Record, load

EXPORTED = "run.json"
TOKENIZER = "tokenizer"


def export(record: Record, folder: str | Path) -> Path:
    """Write a run as a folder that `erclab.load_model` opens. An earlier export there is replaced, other files
    are not.

    Raises:
        UsageError: this is no run.
        RunError: the run lacks its weights or what was fitted, or the folder cannot be written or has such files.
        FeatureError: the tokenizer of a run that reads words is not available.
    """
    if not isinstance(record, Record):
        raise UsageError(f"export needs one run, not {type(record).__name__}", remedy="Give one of those that erc.run "
                         "returns, such as runs[0], or erc.load_model(ID).")
    folder = Path(folder).expanduser()
    kept = record.fitted
    if kept is None:
        raise RunError("an older version of erclab made the run and did not keep what was fitted on its corpus",
                       where=record.id, remedy="Run it again with --force (in a notebook: force=True).")
    _check_free(folder)
    files = ["fitted"]
    if record.info.kind == "trained":
        record.model()  # raises an error where the weights are gone or do not fit
        files.append("weights")
    source = _source(record)
    data = {**record.data, "curve": [], "exported_by": erclab.__version__}
    path = folder / EXPORTED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for what in files:
            write_atomically(path.with_suffix(f".{what}.safetensors"),
                             record.path.with_suffix(f".{what}.safetensors").read_bytes())
        if source:
            write_atomically(folder / "source.py", source.encode("utf-8", "replace"))
        if record.spec["words"]:
            _tokenizer(record, folder / TOKENIZER)
        write_atomically(folder / "README.md", card(record, source).encode("utf-8", "replace"))
        write_atomically(path, json.dumps(data, indent=1, allow_nan=False).encode())
    except OSError as error:
        raise RunError(f"the run cannot be exported: {error.strerror or error}", where=folder,
                       remedy="Name another folder, or free some space.") from None
    return folder


def _check_free(folder: Path) -> None:
    """Refuse a folder with a README.md, a source.py or a tokenizer that no export wrote."""
    theirs = [name for name in ("README.md", "source.py", TOKENIZER) if (folder / name).exists()]
    if theirs and not any(folder.glob("run.*")):
        raise RunError(f"{theirs[0]} is there already, and no export wrote it", where=folder,
                       remedy="Name a new folder.")


def open_export(folder: str | Path, model: type | None = None) -> Record:
    """The run in an exported folder. No code in the folder runs, and none is imported for it.

    Args:
        model: the class of the run, where that is a class of one's own.

    Raises:
        RunError: the folder has no run; or the class of the run is needed and not given.
    """
    path = Path(folder) / EXPORTED
    if not path.is_file():
        raise RunError("there is no exported run", where=folder,
                       remedy=f"Name a folder that `erclab export` wrote, with {EXPORTED} in it.")
    return load(path, given=lambda data: _class(data, path, model))


def _class(data: dict[str, Any], path: Path, model: type | None) -> models.ModelInfo:
    """The row of the model of an exported run."""
    name, home = data["spec"]["model"], data.get("class", "")
    if model is not None:
        info = models.info(model)
        if info.name != name:
            raise UsageError(f"the class {info.title} is not the one of the run, which is {home or name}", where=path,
                             remedy="Give the class that was trained.")
        return info
    known = models.GIVEN if home else models.MODELS
    if name not in known:
        raise RunError(f"the run is of a class of one's own, {home.rpartition(':')[2] or name}, whose code is not run "
                       "from a file", where=path, remedy="Read source.py beside it, define or import the class, and "
                       "give it in Python: erclab.load_model(FOLDER, model=THE_CLASS).")
    return known[name]


def _source(record: Record) -> str:
    """The source of a class of one's own: its module, or of a notebook or script the class alone; "" for a model of
    erclab."""
    given = record.info.given
    if given is None:
        return ""
    file = None if given.__module__ == "__main__" else file_of(given.__module__)
    try:
        return file.read_text(encoding="utf-8") if file else inspect.getsource(given)
    except (OSError, TypeError, UnicodeDecodeError):
        return f"# The source of {record.info.where} was not at hand when the run was exported.\n"


def _tokenizer(record: Record, folder: Path) -> None:
    """Store the tokenizer of a run that reads words."""
    beside = tokenizer_of(record)
    if beside is not None:
        if beside != folder:
            shutil.copytree(beside, folder, dirs_exist_ok=True)
        return
    words = record.spec["words"]
    load_tokenizer(words, encoder_identity(words)).save_pretrained(folder)


def tokenizer_of(record: Record) -> Path | None:
    """The folder of the tokenizer beside an exported run that reads words; None for a run in its own place."""
    beside = record.path.parent / TOKENIZER
    return beside if record.path.name == EXPORTED and beside.is_dir() else None


def card(record: Record, source: str = "") -> str:
    """The README of an exported run, in Markdown: what it predicts, its scores, what it was trained on, its use."""
    spec, data = record.spec, record.data
    kept = record.fitted
    reads = "words" if spec["words"] else "sequences" if kept and kept.sequences else "utterance vectors"
    widths = data["corpus"]["frame_dims" if kept and kept.sequences else "dims"]
    inputs = ", ".join(m if m == "text" and spec["words"] else f"{m} ({widths[m]} wide)" for m in spec["modalities"])
    encoders = ", ".join(f"{m} by {name}" for m, name in data["corpus"]["encoders"].items())
    scores = ", ".join(f"{metrics.title(name)} {value:.4f}" for name, value in record.scores().items()
                       if value is not None and "." not in name)
    made = data["environment"]
    lines = [f"# {record.title} on {spec['corpus']}, {'+'.join(spec['modalities'])}, seed {spec['seed']}", "",
             f"- Predicts: {spec['task']}: {', '.join(record.target.names)}",
             f"- Reads: {reads}: {inputs}" + (f"; features made by erclab: {encoders}" if encoders else ""),
             f"- Scores on the test split of {spec['corpus']} (epoch {record.epoch('sound')}, chosen on validation): "
             f"{scores}",
             f"- Trained on: {spec['corpus']}, {data['corpus']['utterances']['train']} utterances, content "
             f"{spec['fingerprint'][:16]}. The licence of that corpus may bind the use of the weights.",
             f"- Made by: erclab {spec['version']}, code {spec['code'] or 'unknown'}, torch {made.get('torch', '?')}, "
             f"{made.get('device', '?')}; run {record.id}", "", "```python", "import erclab as erc"]
    if source:
        name = data["class"].rpartition(":")[2].rpartition(".")[2]
        lines += [f'run = erc.load_model("THIS_FOLDER", model={name})  # the class; its source is in source.py']
    else:
        lines += ['run = erc.load_model("THIS_FOLDER")']
    lines += ['erc.predict(run, "conversation.csv")', "```", "",
              "Or `erclab predict THIS_FOLDER conversation.csv`. A table needs the columns `speaker` and `text`."]
    return "\n".join(lines) + "\n"
