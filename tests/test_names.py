"""One name, one thing: a public name that two modules define is in a list here, with the reason.

`python tests/test_names.py` prints all such names with their modules.
"""

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "erclab"
APART = "bench/naive"  # the authors' models once more, in plain code: their parts have the names of the models' parts

# Name -> why several modules may define it.
SAME_ROLE = {
    "add": "adds a command to the command line; one in each file of cli",
    "read": "reads what the module is about from a file; one in each reader, and for tables and grids",
    "read_iemocap": "IEMOCAP in the files of one project; a reader per project",
    "read_meld": "MELD in the files of one project; a reader per project",
    "load": "gives what is stored: a corpus, a record, a pickle, a JSON file; erc.load is that of a corpus",
    "save": "writes what the module is about: a corpus to the cache, an exhibit or a figure to its folder",
    "find": "looks for what the module is about: an exhibit, a notebook, an array of a table",
    "build": "makes a model from its configuration, or of DialogueTRM a BERT",
    "check": "refuses what is not valid: settings, a corpus; of a model, the contracts",
    "plan": "lists what would be executed: runs, jobs of a sweep, contracts",
    "run": "trains what is not stored yet: erc.run of the face, of runs, of a sweep",
    "execute": "a planned run, a notebook",
    "main": "the entry of a program",
    "exact": "without an approximation: a claim decided by arithmetic, a backward pass without autocast",
    "table": "all results of the module as one DataFrame: findings of the audit, scores of groups of runs",
    "predict": "the output of a model: of a contract's batch, and of the face for conversations",
    "predictions": "of a task from logits, of a split from a model",
    "text": "a result, or cells of a file, as text",
    "functionals": "statistics of an utterance's frames; one in each file of features",
    "extract": "frames of a recording; one in each file of features",
    "pack": "sequences of unequal lengths without their padding, or the arrays of a table in one file",
    "Packed": "the result of `pack`",
    "cut": "work into blocks, of attention and of an LSTM",
    "previous": "what stands one turn before: labels in a view, states in a GRU",
    "sinusoids": "position table, as the paper of the model has it",
    "without": "a batch that lacks a modality, in some utterances or in one sample",
    "Verdict": "what a check found: of a record that is trained again, of a claim",
    "info_of": "the registry's row, of a class and of a record",
    "Losses": "the terms of a model's loss",
    "Result": "of a contract, of a sweep",
    "Settings": "of a part that has settings of its own: a simulated world, a distillation",
    "Source": "where data come from: of a sweep's corpus, of a table's arrays",
    "cells": "of a table: of a file that is read, of the papers",
    "measure": "computes what the module is about: how readers compare with the oracle, the inner values of a run",
    "match": "the rows of one table to those of another",
    "require": "raises an error unless a condition holds",
    "of_corpora": "what derives from the evidence of corpora: scores, verdicts under other choices; kept or computed",
    "outdated": "the corpora whose kept derivation is of other evidence",
    "as_text": "the file of a kept derivation",
    "ablation_questions": "the questions of a paper's ablation; one in each exhibits file with an ablation",
}
# One subject in several rooms: its number (core, analysis, published), its picture (figures), its exhibit (exhibits),
# and its function in the face.
SAME_SUBJECT = {
    "bars", "calibration", "case_study", "class_differences", "confusion", "differences", "evaluate", "falls", "focus",
    "gate_pace", "gate_path", "hard_samples", "learning_curves", "left_out", "oracle", "overhead", "pair_gates",
    "per_class", "preference", "scores", "size_against_score", "transitions",
}
LAYERS = ("core", "published", "analysis", "figures", "exhibits", "face")


@cache
def defined() -> dict[str, list[str]]:
    """Public name -> the modules that define a function or class of that name, where there are two or more."""
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix()
        for node in [] if module.startswith(APART) else ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def test_a_name_that_two_modules_define_has_a_reason():
    new = {name: modules for name, modules in defined().items() if name not in SAME_SUBJECT | SAME_ROLE.keys()}
    assert not new, "name one of each more exactly, or give the reason in this file"


def test_the_list_has_no_name_that_is_gone():
    assert SAME_SUBJECT | SAME_ROLE.keys() <= defined().keys()


def test_one_subject_is_in_different_layers():
    for name in SAME_SUBJECT:
        rooms = [module.split("/")[0] for module in defined()[name]]
        assert {*rooms} <= {*LAYERS} and len({*rooms}) == len(rooms), (name, rooms)


if __name__ == "__main__":
    for name, modules in sorted(defined().items()):
        print(f"{name:22}{', '.join(modules)}")
