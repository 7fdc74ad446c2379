"""`erclab features`: from text, sound, videos' tables or saved arrays to the files that a corpus reads."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from erclab.cli.common import columns, command
from erclab.core.errors import UsageError

SHOWN = 10  # lines of each kind that are printed; --json has all


def add(commands) -> None:
    """Add the command to the parser."""
    group = command(commands, "features", lambda options: _help(group),
                    "make text.npz, audio.npz or visual.npz for a table of utterances")
    actions = group.add_subparsers(metavar="ACTION", help="what the features are made of")
    text = command(actions, "text", _text, "vectors of the words, by a sentence encoder")
    text.add_argument("table", metavar="TABLE", help="a csv or parquet file with a column text, or its folder; or the "
                      "folder of MELD's csv files")
    text.add_argument("--encoder", default="minilm", metavar="NAME|FOLDER", help="minilm (default, offline, English), "
                      "a Hugging Face name, or a folder with a saved model")
    text.add_argument("--revision", metavar="SHA", help="the commit, branch or tag of a Hugging Face name (default: "
                      "what was downloaded, or else the newest)")
    text.add_argument("--tokens", action="store_true", help="a vector per token, for models of sequences")
    text.add_argument("--unit", default="token", metavar="U", help="with --tokens: token (default) or word")
    text.add_argument("--batch-size", type=int, default=64, metavar="N", help="texts at a time (default: %(default)s)")
    text.add_argument("--device", default="cpu", metavar="D", help="cpu (default), cuda or mps")
    _shared(text, table=False)

    audio = command(actions, "audio", _audio, "numbers of the voice, from wav files or the sound of videos")
    audio.add_argument("source", metavar="FOLDER", help="one sound file per utterance, named by its id or as "
                       "DIALOGUE_TURN; or a table with a column file")
    audio.add_argument("--set", default="logmel-prosody", metavar="S", dest="feature_set",
                       help="logmel-prosody (default, open licence), or a set of openSMILE (research licence), such as "
                       "eGeMAPSv02 or ComParE_2016")
    audio.add_argument("--frames", action="store_true", help="sequences of 100 frames per second")
    audio.add_argument("--rate", type=int, default=16000, metavar="HZ", help="resample to (default: %(default)s)")
    audio.add_argument("--jobs", type=int, default=1, metavar="N", help="processes; -1 for every core (default: 1)")
    _shared(audio)

    visual = command(actions, "visual", _visual, "facial action units from OpenFace's tables, or other saved features")
    visual.add_argument("source", metavar="FOLDER", help="one file per utterance: OpenFace's csv, or as for pack")
    visual.add_argument("--confidence", type=float, default=0.8, metavar="C",
                        help="OpenFace: the smallest confidence of a frame (default: %(default)s)")
    visual.add_argument("--aus", metavar="COLUMN,...", help="OpenFace: the columns (default: 17 intensities and 18 "
                        "presences of action units)")
    _saved(visual, "mean-std")
    _shared(visual)

    pack = command(actions, "pack", _pack, "one file from what an extractor saved: npy, npz, pt, mat, csv, csd, h5")
    pack.add_argument("source", metavar="FOLDER", help="one file per utterance, named by its id or as DIALOGUE_TURN; "
                      "or one file with an array per utterance (csd: per video)")
    pack.add_argument("--modality", required=True, choices=("text", "audio", "visual"), help="text, audio or visual")
    _saved(pack, "mean")
    _shared(pack)


def _saved(parser: argparse.ArgumentParser, pool: str) -> None:
    """The options for saved arrays."""
    parser.add_argument("--frames", action="store_true", help="keep sequences (default: a vector per utterance)")
    parser.add_argument("--pool", default=pool, metavar="P", help="how a sequence becomes a vector: mean, or mean-std, "
                        "the mean and the standard deviation (default: %(default)s)")
    parser.add_argument("--key", default="", metavar="NAME", help="the array in each file, where it holds several")
    parser.add_argument("--transpose", action="store_true", help="the arrays are (D, L), not (L, D)")


def _shared(parser: argparse.ArgumentParser, table: bool = True) -> None:
    """The options of every action."""
    if table:
        parser.add_argument("--table", metavar="TABLE", help="the utterances: a csv or parquet file, its folder, or "
                            "MELD's folder (default: every file is one)")
    parser.add_argument("--columns", action="append", default=[], metavar="OURS=THEIRS,...",
                        help="the table's names, such as id=clip,text=sentence (ours: id, split, dialogue, turn, text, "
                        "start, end, file)")
    parser.add_argument("--longest", type=int, metavar="N", help="the most frames of an utterance")
    parser.add_argument("--shorten", default="cut", metavar="HOW", help="cut: keep the first frames (default); pool: "
                        "average neighbours")
    parser.add_argument("--short", default="missing", metavar="HOW", help="an utterance without usable features (no "
                        "file, broken, too short, silent): missing, a row of zeros (default); or refuse")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: MODALITY.npz beside the table")
    parser.add_argument("--replace", action="store_true", help="replace a file that erclab has not made")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON, with every file")


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _text(options) -> int:
    from erclab.features import make

    if options.revision and (options.encoder == "minilm" or Path(options.encoder).expanduser().is_dir()):
        raise UsageError("only a Hugging Face name has revisions", where="--revision", remedy="Leave it out.")
    encoder = f"{options.encoder}@{options.revision}" if options.revision else options.encoder
    out = _out(options, "text", options.table)
    return _done(options, out, make.text(
        options.table, encoder, tokens=options.tokens, unit=options.unit, batch_size=options.batch_size,
        device=options.device, **_limits(options)))


def _audio(options) -> int:
    from erclab.features import make

    table = options.table or (options.source if Path(options.source).is_file() else None)
    out = _out(options, "audio", table)
    return _done(options, out, make.audio(
        options.source, options.table, options.feature_set, frames=options.frames, sampling_rate=options.rate,
        n_jobs=options.jobs, **_limits(options)), table)


def _visual(options) -> int:
    from erclab.features import make

    out = _out(options, "visual", options.table)
    units: dict[str, Any] = {"action_units": [c.strip() for c in options.aus.split(",")]} if options.aus else {}
    return _done(options, out, make.visual(
        options.source, options.table, confidence=options.confidence, **units, **_arrays(options), **_limits(options)))


def _pack(options) -> int:
    from erclab.features import packing

    out = _out(options, options.modality, options.table)
    return _done(options, out, packing.pack(options.source, options.table, **_arrays(options), **_limits(options)))


def _arrays(options) -> dict:
    return {"frames": options.frames, "pool": options.pool, "key": options.key, "transpose": options.transpose}


def _limits(options) -> dict:
    return {"longest": options.longest, "shorten": options.shorten, "short": options.short,
            "columns": columns(options.columns, "id=clip")}


def _out(options, modality: str, table: str | Path | None) -> Path:
    """The file to write, after a check that nobody else's is there."""
    from erclab.features.packing import check_free

    place = Path(table).expanduser() if table else Path.cwd()
    out = options.out or (place if place.is_dir() else place.parent) / f"{modality}.npz"
    check_free(out, options.replace)
    return out


def _done(options, out: Path, packed, table: str | Path | None = None) -> int:
    """Write the file, and print what was found."""
    from erclab.core.tablefiles import FILES

    out = packed.save(out, replace=options.replace)
    if options.json:
        print(json.dumps({"file": str(out), "utterances": len(packed), "made by": packed.made_by,
                          "missing": dict(packed.missing), "not used": list(packed.extra),
                          "notices": list(packed.notices)}))
        return 0
    print(f"{out}: {packed.described}\nmade by: {packed.made_by}")
    if packed.missing:
        print(f"missing: {len(packed.missing)} of {len(packed)} utterances lack the modality (zeros)")
        _listed([f"{name}: {why}" for name, why in packed.missing.items()])
    if packed.extra:
        print(f"not used: {len(packed.extra)} files or arrays belong to no utterance")
        _listed(list(packed.extra))
    for line in packed.notices:
        print(f"note: {line}")
    corpus = "meld" if "train" in packed.vectors else "table"
    table = table or options.table
    if table is None and not any((out.parent / name).is_file() for name in FILES):
        print("It has the ids of the files: put it beside a table (utterances.csv) whose column id has them")
        return 0
    print(f"Look at it: erclab corpora show {corpus} --data {shlex.quote(str(_data(table, out)))}")
    return 0


def _data(table: str | Path | None, out: Path) -> Path:
    """What `--data` is called for the table: its folder, or the file itself where it has a name of its own."""
    from erclab.core.tablefiles import FILES

    path = Path(table) if table is not None else None
    return path if path and path.is_file() and path.name not in FILES else out.parent


def _listed(lines: list[str]) -> None:
    more = [f"... and {len(lines) - SHOWN} others (--json lists all)"] if len(lines) > SHOWN else []
    print("\n".join(f"    {line}" for line in [*lines[:SHOWN], *more]))
