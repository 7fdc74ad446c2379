"""What a run reads of a corpus: a corpus for which its model was not built is refused, with one line."""

import dataclasses

import numpy as np
import pytest
import torch

from erclab import models, runs
from erclab.core.errors import CorpusError, UsageError
from erclab.corpora import SPLITS, simulated
from erclab.training import loop

SMALL = {"epochs": 1, "hidden": 8, "heads": 2, "layers": 1}


@pytest.fixture(scope="module")
def whole():
    return simulated.generate("tiny", frames=True)


def relabelled(corpus, labels):
    index = np.minimum(corpus.table["label"], len(labels) - 1)
    return dataclasses.replace(corpus, labels=tuple(labels), table=corpus.table.assign(label=index))


def talkative(corpus, split="test"):
    """Each turn of a split by another person."""
    there = corpus.table["split"] == split
    names = np.where(there, corpus.table["turn"].astype(str), corpus.table["speaker"])
    return dataclasses.replace(corpus, table=corpus.table.assign(speaker=names), roles=())


@pytest.mark.parametrize("model", ["sdt", "mult", "linear"])
def test_a_specification_alone_reads_no_other_corpus(whole, model):
    spec, = runs.plan(model, whole)
    wide = dataclasses.replace(whole, vectors={m: np.hstack([x, x]) for m, x in whole.vectors.items()}, frames={
        m: dataclasses.replace(f, values=np.hstack([f.values, f.values])) for m, f in whole.frames.items()})
    for other in (wide, relabelled(whole, whole.labels[:3])):
        with pytest.raises(UsageError, match="is not the corpus that the run was trained on") as caught:
            runs.data.flat_splits(spec, other) if model == "linear" else runs.views(spec, other)
        assert "\n" not in str(caught.value)


def test_more_speakers_turns_and_steps_are_refused_in_the_splits_that_are_read(whole, tmp_path):
    fields = {"bc-lstm": ("epochs", "hidden"), "sdt": ("epochs", "hidden", "heads"), "mult": tuple(SMALL)}

    def trained(model, **options):
        sizes = {name: SMALL[name] for name in fields[model]}
        return runs.run(model, whole, folder=tmp_path, progress=False, **sizes, **options)[0]

    def long(corpus, times):
        frames = {m: type(f).pack([np.concatenate([x] * times) for x in map(f.__getitem__, range(len(f)))])
                  for m, f in corpus.frames.items()}
        return dataclasses.replace(corpus, frames=frames)

    record, other = trained("sdt"), talkative(whole)
    with pytest.raises(UsageError, match=r"there are \d+ speakers in a dialogue, the model .* built for 2") as caught:
        runs.views(record, other, splits=["test"])
    assert "\n" not in str(caught.value)
    assert runs.views(record, other, splits=["train"])["train"]
    assert runs.views(trained("bc-lstm"), other)["test"]  # it has no input for the speaker
    record.spec["settings"]["max_turns"] = 2
    with pytest.raises(UsageError, match=r"turns in a dialogue, the model .* built for 2"):
        runs.views(record, talkative(whole, "train"), splits=["test"])
    record = trained("mult", variant="official")
    with pytest.raises(UsageError, match=r"steps in a sequence of text, the model .* built for"):
        runs.views(record, long(whole, 2))


# Splits that are empty or without annotation

FITTED = [name for name, info in models.MODELS.items() if info.kind == "fitted"]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("model", [*FITTED, "sdt", "lf-lstm"])
def test_every_model_refuses_an_empty_split_in_the_same_words(whole, tmp_path, model, split):
    instead = "train" if split != "train" else "test"
    corpus = dataclasses.replace(whole, table=whole.table.assign(
        split=whole.table["split"].where(whole.table["split"] != split, instead)))
    with pytest.raises(CorpusError, match=f"the {split} split has no dialogue.*--folds N.*cross_validate") as caught:
        runs.run(model, corpus, folder=tmp_path, progress=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("task", ["emotion", "dimensional"])
@pytest.mark.parametrize("model", ["constant", "persistence", "linear", "sdt"])
def test_every_model_refuses_a_split_without_annotation_in_the_same_words(whole, tmp_path, model, task):
    rows = whole.rows("valid")
    if task == "emotion":
        label = whole.table["label"].to_numpy().copy()
        label[rows] = -1
        corpus = dataclasses.replace(whole, table=whole.table.assign(label=label))
    else:
        values = whole.annotations[task].copy()
        values[rows] = np.nan
        corpus = dataclasses.replace(whole, annotations={**whole.annotations, task: values})
    with pytest.raises(CorpusError, match=f"no utterance of the valid split has an annotation for {task}"):
        runs.run(model, corpus, task=task, folder=tmp_path, progress=False)


# Authors' code that reads padding, or the other utterances

@pytest.mark.parametrize("model", ["mult", "lmr-cbt"])
def test_official_sequences_are_filled_to_the_corpus_so_that_the_batch_does_not_matter(whole, model):
    """LMR-CBT's recurrence over the batch is another quirk, and is switched off here."""
    alone = {"batch_recurrence": False} if model == "lmr-cbt" else {}
    spec, = runs.plan(model, whole, variant="official", **SMALL, **alone)
    assert dict(spec.settings["lengths"]) == {m: f.lengths.max() for m, f in whole.frames.items()}
    assert "lengths" not in runs.plan(model, whole)[0].settings or not runs.plan(model, whole)[0].settings["lengths"]
    view = runs.views(spec, whole, splits=["test"])["test"]
    torch.manual_seed(0)
    made = models.build(model, spec.settings).eval()
    assert not made.config.depends_on_batch
    with torch.no_grad():
        together = made(view.batch(range(6)), attention=True)
        unfilled = models.build(model, {**spec.settings, "lengths": ()}).eval()
        unfilled.load_state_dict(made.state_dict())
        gaps = []
        for i in range(6):
            single = made(view.batch([i]), attention=True)
            torch.testing.assert_close(single.logits[0], together.logits[i], rtol=0, atol=2e-6)
            for name, x in single.attention.items():  # those of the frames, which come first
                torch.testing.assert_close(x[0], together.attention[name][(i, ..., *map(slice, x.shape[-2:]))], rtol=0,
                                           atol=2e-6)
            gaps.append((unfilled(view.batch([i])).logits[0] - together.logits[i]).abs().max())
        assert max(gaps) > 1e-3  # what a result depended on


def test_the_source_may_fill_to_more_than_its_longest_sequence(whole):
    frames = {m: dataclasses.replace(f, length=200) for m, f in whole.frames.items()}
    spec, = runs.plan("mult", dataclasses.replace(whole, frames=frames), variant="official")
    assert dict(spec.settings["lengths"]) == dict.fromkeys(whole.frames, 200)


@pytest.mark.parametrize(("model", "change", "named"), [
    ("bc-lstm", {"variant": "official"}, True), ("lmr-cbt", {"variant": "official", "hidden": 8, "layers": 1}, True),
    ("bc-lstm", {}, False), ("mult", {"variant": "official", "hidden": 8, "heads": 2, "layers": 1}, False)])
def test_a_record_names_the_batches_of_its_evaluation_where_they_matter(tmp_path, model, change, named):
    corpus = simulated.generate("tiny", frames=True, dialogues=(2, 1, 1), turns=(2, 2, 3))
    record, = runs.run(model, corpus, folder=tmp_path, progress=False, epochs=1, **change)
    want = {"batch_size": loop.EVALUATION_BATCH, "order": "longest first"} if named else None
    assert record.data.get("evaluation") == want
    assert ("batches of 64, longest first" in repr(record)) == named
