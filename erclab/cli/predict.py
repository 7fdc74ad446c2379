"""`erclab predict`: a trained run on new conversations."""

from __future__ import annotations

from pathlib import Path

import erclab
from erclab.cli.common import columns, command, name_values, named, simulated_options, simulating
from erclab.core.errors import UsageError


def add(commands) -> None:
    """Add the command to the parser."""
    predict = command(commands, "predict", _predict, "label the utterances of new conversations with a trained run")
    predict.add_argument("run", metavar="RUN", help="an id from `erclab runs`, the beginning of an id, the path of a "
                         "record, or a folder that `erclab export` wrote")
    predict.add_argument("file", metavar="FILE", help="a csv or parquet file with the columns speaker and text; also "
                         "dialogue (several conversations), turn, id. Arrays beside it are read: audio.npz, or "
                         "NAME.audio.npz of NAME.csv")
    predict.add_argument("--vectors", action="append", default=[], metavar="MODALITY=FILE",
                         help="an npz or npy file of a modality, one row per utterance; may be repeated")
    predict.add_argument("--columns", action="append", default=[], metavar="NAME=COLUMN,...",
                         help="a column that is called otherwise, such as text=Utterance; may be repeated")
    predict.add_argument("--explain", action="store_true", help="add what mattered: modalities, other turns, words")
    predict.add_argument("--out", type=Path, metavar="FILE", help="write x.csv, x.parquet, or x.html: a page of the "
                         "conversation with a colour for each emotion; may be repeated", action="append", default=[])
    predict.add_argument("--corpus", metavar="C", help="the corpus of training; only for runs of older versions")
    predict.add_argument("--data", metavar="DIR", help="the folder of --corpus, if that is not embedded")
    simulating(predict)
    predict.add_argument("--text-encoder", metavar="NAME", help="the folder of the encoder that made the text vectors "
                         "of training, if it is a folder")
    predict.add_argument("--device", default="cpu", metavar="D", help="auto, cpu (default), cuda or mps")
    predict.add_argument("--runs", metavar="DIR", help="where runs are kept (default: build/runs)")
    predict.add_argument("--json", action="store_true", help="print the table as JSON")


def _predict(options) -> int:
    vectors = dict(name_values(options.vectors, "--vectors", "audio=audio.npz"))
    names = columns(options.columns, "text=Utterance")
    from erclab import corpora
    from erclab.training.device import choose_device

    made = simulated_options(options)
    if made and not options.corpus:
        raise UsageError("options of a simulated corpus, and no corpus", where="--corpus-seed, --world",
                         remedy="Name the corpus of training (--corpus); most runs do not need it.")
    device = choose_device(options.device)
    run = named(options.run, options.runs)
    corpus = None
    if options.corpus:
        corpus = corpora.load(options.corpus, options.data, text_encoder=options.text_encoder or "minilm",
                              text_as=run.info.text_as, **made)
    found = erclab.predict(run, options.file, vectors=vectors, columns=names, explain=options.explain, corpus=corpus,
                           out=options.out, text_encoder=options.text_encoder, device=str(device))
    if options.json:
        print(found.to_json(orient="records", force_ascii=False))
    elif options.out:
        print(*options.out, sep="\n")
    else:
        print(found.to_string(index=False, na_rep="–", float_format=lambda x: f"{x:.3f}", max_colwidth=60))
    return 0
