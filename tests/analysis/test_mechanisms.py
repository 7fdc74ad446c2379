"""Inner values of each dialogue: equal to naive loops, and known where attention and weights are made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from erclab import runs
from erclab.analysis import attribution, incongruity, inside, mechanisms, tallies, words
from erclab.core.errors import RunError, UsageError
from erclab.corpora import Corpus, simulated
from erclab.models.interface import Output
from erclab.runs import Record

SIZES = {"sdt": {"heads": 2},
         "mult": {"heads": 2, "layers": 1, "memory_layers": 1, "learning_rate": 0.02, "warmup_steps": 0},
         "hct-mg": {"heads": 2, "layers": 1, "self_layers": 1, "primary": "text"},
         "lmr-cbt": {"heads": 2, "layers": 1}}


@pytest.fixture(scope="module")
def new(tiny):
    """Dialogues of the same world that no run was trained on."""
    return simulated.fresh(tiny, 6, 3, frames=True)


@pytest.fixture(scope="module")
def ask(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def ask(model, **changes):
        return runs.run(model, tiny, folder=folder, progress=False, epochs=1, hidden=8,
                        **{**SIZES[model], **changes})[0]
    return ask


def passes(record, corpus, model=None, attention=False):
    """Per utterance of the test split: the output of a batch of its own (or of its dialogue), its place there, and its
    row."""
    view, model = runs.views(record, corpus, splits=["test"])["test"], model or record.model()
    for item in range(len(view)):
        batch = view.batch([item])
        with torch.inference_mode():
            output = model(batch, attention=attention)
        for i, row in enumerate(batch.rows.flatten().tolist()):
            yield output, i, row


def by_dialogue(corpus, values):
    """Row -> value as (D, 2): sum and number of each dialogue, by the names of the dialogues."""
    names = list(dict.fromkeys(corpus.table["dialogue"].iloc[corpus.rows("test")]))
    found = np.zeros((len(names), 2))
    for row, x in values.items():
        found[names.index(corpus.table["dialogue"].iloc[row])] += x, 1
    return found


def test_areas_of_counts_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    bins, speaks = rng.integers(7, size=(4, 3, 60)), rng.random((4, 3, 60)) < 0.4
    speaks[1, 2] = True  # a modality that is never silent does not count
    counts = np.zeros((4, 3, 2, 7))
    for i, m, n in np.ndindex(4, 3, 60):
        counts[i, m, int(speaks[i, m, n]), bins[i, m, n]] += 1
    found = mechanisms.area(counts)
    for i in range(4):
        expected = [roc_auc_score(speaks[i, m], bins[i, m]) for m in range(3) if (i, m) != (1, 2)]
        assert found[i] == pytest.approx(np.mean(expected))
    np.testing.assert_allclose(mechanisms.area(3 * counts[0]), found[0])  # three draws of the same dialogue
    assert np.isnan(mechanisms.area(np.zeros((3, 2, 7))))


def test_gates_of_every_utterance_are_counted_in_its_dialogue(ask, new):
    record, turns = ask("sdt"), np.bincount(tallies.dialogues_of(new, "test"))
    found = mechanisms.measure(record, new, ["gate"])
    assert list(found) == ["gate.trained", "gate.random"]
    for name, model in (("trained", None), ("random", inside.untrained(record))):
        counts, modalities = found[f"gate.{name}"], record.spec["modalities"]
        assert counts.shape == (6, 3, 2, mechanisms.BINS) and counts.dtype == np.float32
        np.testing.assert_array_equal(counts.sum((2, 3)), turns[:, None].repeat(3, 1))
        weights = {row: output.aux["multimodal_gate"][0, i].mean(-1) for output, i, row in passes(record, new, model)}
        rows = np.array(list(weights))
        areas = [roc_auc_score(attribution.shows_emotion(new, m, rows), [float(w[i]) for w in weights.values()])
                 for i, m in enumerate(modalities)]
        assert mechanisms.area(counts.sum(0)) == pytest.approx(np.mean(areas), abs=0.005)
        silent = ~attribution.shows_emotion(new, "audio", rows)
        expected = by_dialogue(new, dict(zip(rows.tolist(), silent, strict=True)))
        np.testing.assert_array_equal(counts[:, modalities.index("audio"), 0].sum(-1), expected[:, 0])


def test_bins_resolve_weights_that_lie_close_together(ask, new, monkeypatch):
    rows = new.rows("test")
    speaks = attribution.shows_emotion(new, "text", rows)
    close = 0.333 + 1e-6 * (speaks + np.random.default_rng(0).random(len(rows)) / 2)
    monkeypatch.setattr(inside, "gate_weights", lambda *_, **__: pd.DataFrame({"text": close}, index=rows))
    found = mechanisms.measure(ask("sdt"), new, ["gate.trained"])["gate.trained"]
    assert mechanisms.area(found.sum(0)) > 0.99


def test_filters_are_means_over_streams_and_every_source_counts_alike(ask, new):
    record = ask("sdt")
    found = mechanisms.measure(record, new, ["filter"])
    gates = {n: {} for n in record.spec["modalities"]}
    for output, i, row in passes(record, new):
        for n, opened in gates.items():
            opened[row] = np.mean([float(output.aux[f"unimodal_gate.{m}_from_{n}"][0, i].mean()) for m in gates])
    for name, side in (("speaking", True), ("silent", False)):
        means, numbers = [], 0
        for n, opened in gates.items():
            rows = np.array(list(opened))
            rows = rows[attribution.shows_emotion(new, n, rows) == side]
            means.append(np.mean([opened[row] for row in rows]))
            numbers += len(rows)
        total = found[f"filter.{name}"].sum(0)
        assert total[0] / total[1] == pytest.approx(np.mean(means), rel=1e-5)
        assert total[1] == pytest.approx(numbers) and found[f"filter.{name}"].shape == (6, 2)


def test_students_are_in_row_order(ask, new):
    record = ask("sdt")
    found = mechanisms.measure(record, new, ["students.audio", "students.text"])
    assert list(found) == ["students.text", "students.audio"]
    said = {row: int(output.aux["student.audio"][0, i].argmax()) for output, i, row in passes(record, new)}
    assert found["students.audio"].tolist() == [said[row] for row in new.rows("test")]
    assert found["students.audio"].dtype == np.uint8


def changed(record, **settings):
    """The same weights in a model of other settings."""
    spec = {**record.spec, "settings": {**record.spec["settings"], **settings}}
    return replace(record, data={**record.data, "spec": spec})


def test_predictions_that_depend_on_the_batch(ask, new):
    record, rows = ask("lmr-cbt"), new.rows("test")
    sound = mechanisms.measure(record, new, ["batch"])["batch"]
    assert not sound[:, 0].any() and sound[:, 1].tolist() == np.bincount(tallies.dialogues_of(new, "test")).tolist()
    quirk = changed(record, batch_recurrence=True)
    view, model, together = runs.views(quirk, new, splits=["test"])["test"], quirk.model(), {}
    for batch in view.batches(32):
        with torch.inference_mode():
            together |= dict(zip(batch.rows.tolist(), model(batch).logits.argmax(-1).tolist(), strict=True))
    alone = {row: int(output.logits[0].argmax()) for output, _, row in passes(quirk, new)}
    assert any(alone[row] != together[row] for row in rows)
    np.testing.assert_array_equal(mechanisms.measure(quirk, new, ["batch"])["batch"],
                                  by_dialogue(new, {row: alone[row] != together[row] for row in rows}))


def test_what_rounding_decides_is_no_change(ask, new, monkeypatch):
    rows = new.rows("test")
    table = pd.DataFrame({"small": 0, "large": 1, "distance": 1e-6}, index=rows)
    monkeypatch.setattr(inside, "depends_on_batch", lambda *_, **__: table)
    assert not mechanisms.measure(ask("lmr-cbt"), new, ["batch"])["batch"][:, 0].any()


class Points(torch.nn.Module):
    """The planted word attends to the burst of the face, the others elsewhere; or the other way round."""

    def __init__(self, corpus, right):
        super().__init__()
        self.corpus, self.right = corpus, right

    def forward(self, batch, *, attention=False):
        L = {m: mask.shape[1] for m, mask in batch.masks.items()}
        word, burst = (torch.from_numpy(inside.planted_steps(self.corpus, m, batch.rows.numpy(), L[m]))
                       for m in ("text", "visual"))
        agree = (word[:, :, None] == burst[:, None, :]) == self.right
        weights = (agree & batch.masks["visual"][:, None, :]).float()
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1)
        return Output(torch.zeros(len(batch), 6), {"text_from_visual": weights[:, None, None].expand(-1, 2, 3, -1, -1)})


@pytest.mark.parametrize(("right", "expected"), [(True, 1), (False, 0)])
def test_words_that_point_at_the_burst(ask, new, monkeypatch, right, expected):
    record = ask("mult")
    monkeypatch.setattr(Record, "model", lambda self: Points(new, right))
    total, count = mechanisms.measure(record, new, ["word.trained"])["word.trained"].sum(0)
    table = new.table
    assert count == ((table["text_kind"] == "plain") & (table["visual_shown"] != "masked")).sum() > 5
    assert total == expected * count


def test_words_of_a_run_and_of_its_control(ask, new):
    record = ask("mult")
    found = mechanisms.measure(record, new, ["word"])
    for name, model in (("trained", record.model()), ("random", inside.untrained(record))):
        areas = {}
        for output, _, row in passes(record, new, model, attention=True):
            at = new.table.iloc[row]
            if at["text_kind"] == "plain" and at["visual_shown"] != "masked":
                weights = output.attention["text_from_visual"][0].mean((0, 1)).numpy()
                burst = inside.planted_steps(new, "visual", np.array([row]), weights.shape[1])[0]
                areas[row] = roc_auc_score(np.arange(len(weights)) == at["salient_word"], weights[:, burst].sum(1))
        np.testing.assert_allclose(found[f"word.{name}"], by_dialogue(new, areas), atol=1e-5)
        assert found[f"word.{name}"].dtype == np.float32
    assert not np.array_equal(found["word.trained"], found["word.random"])


@pytest.mark.parametrize(("model", "changes"), [("mult", {"modalities": ["text"]}), ("hct-mg", {})])
def test_reading(ask, new, model, changes):
    record, areas = ask(model, **changes), {}
    for output, _, row in passes(record, new, attention=True):
        at = new.table.iloc[row]
        if at["text_kind"] == "plain":
            weights = output.attention["text_from_text"][0, -1, :, -1].mean(0).numpy()
            areas[row] = roc_auc_score(np.arange(len(weights)) == at["salient_word"], weights)
    np.testing.assert_allclose(mechanisms.measure(record, new, ["reading"])["reading"], by_dialogue(new, areas),
                               atol=1e-5)


@pytest.mark.parametrize("model", ["mult", "hct-mg"])
def test_agreement_of_voice_and_face(ask, new, model):
    record, rows = ask(model), words.utterances(new)
    found, lying = mechanisms.measure(record, new, ["agreement"]), incongruity.lies(new)
    voice, face = (words.added(record, new, rows, m) for m in ("audio", "visual"))
    told = {row: spearmanr(voice[row], face[row])[0] for row in rows if len(voice[row]) >= 4}
    for name, number in (("congruent", 0), ("incongruent", 1)):
        part = {row: rho for row, rho in told.items() if lying.loc[row].sum() == number}
        assert len(part) > 2
        np.testing.assert_allclose(found[f"agreement.{name}"], by_dialogue(new, part), atol=1e-5)


def test_what_a_run_has_depends_on_its_model_and_settings(ask):
    of = {name: mechanisms.names_for(ask(name)) for name in SIZES}
    assert of["lmr-cbt"] == ("batch",)
    assert of["sdt"] == ("gate.trained", "gate.random", "filter.speaking", "filter.silent", "students.text",
                         "students.audio", "students.visual")
    assert of["mult"] == ("word.trained", "word.random", "agreement.congruent", "agreement.incongruent", "batch")
    assert of["hct-mg"] == ("reading", "agreement.congruent", "agreement.incongruent", "batch")
    assert mechanisms.names_for(ask("mult", modalities=["text"])) == ("reading", "batch")

    assert mechanisms.names_for(changed(ask("hct-mg"), primary="gating")) == ("batch",)
    assert mechanisms.names_for(changed(ask("hct-mg"), transformers="role")) == ("reading", "batch")
    assert mechanisms.names_for(changed(ask("sdt"), unimodal_fusion="concat", multimodal_fusion="add")) == of["sdt"][4:]


def test_refused(ask, tiny, new):
    record = ask("sdt")
    with pytest.raises(UsageError, match=r"unknown inner value of SDT \(run .*\) 'word'"):
        mechanisms.measure(record, new, ["gate", "word"])
    bare = Corpus(new.name, new.table.drop(columns="text_kind"), new.labels, new.vectors)
    with pytest.raises(UsageError, match="does not say where the emotion is"):
        mechanisms.measure(record, bare, ["gate"])
    assert mechanisms.measure(record, bare, ["students"])["students.text"].shape == (len(new),)
    with pytest.raises(UsageError, match="the labels of simulated-tiny are"):
        mechanisms.measure(record, simulated.generate("tiny", scheme="meld"), ["gate"])
    lost = replace(record, path=record.path.with_name("lost.json"))
    with pytest.raises(RunError, match="did not keep what was fitted"):
        mechanisms.measure(lost, new, ["students"])
