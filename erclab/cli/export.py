"""`erclab export`: a run as a folder of its own."""

from __future__ import annotations

from pathlib import Path

from erclab.cli.common import command, named


def add(commands) -> None:
    """Add the command to the parser."""
    export = command(commands, "export", _export, "write a run as a folder that needs neither its corpus nor other "
                     "runs: weights, configuration, standardiser, labels, and a README")
    export.add_argument("run", metavar="RUN", help="an id from `erclab runs`, the beginning of an id, or a path")
    export.add_argument("folder", type=Path, metavar="FOLDER", help="the new folder")
    export.add_argument("--torch-export", action="store_true", help="also write model.pt2 (torch.export): one "
                        "conversation, or one utterance of sequences, in; logits out. Not every model can")
    export.add_argument("--runs", metavar="DIR", help="where runs are kept (default: build/runs)")


def _export(options) -> int:
    import shlex

    from erclab.runs import export
    from erclab.runs.program import save_program

    record = named(options.run, options.runs)
    folder = export(record, options.folder)
    if options.torch_export:
        save_program(record, folder)
    print(f"{record.title}, run {record.id}, in {folder}\n"
          f"Use it: erclab predict {shlex.quote(str(folder))} conversation.csv")
    return 0
