"""Exhibits: tables and figures say what the runs and the corpus say, and a title's number is the data's number."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from erclab import published, runs
from erclab.analysis import conversations, gates, probes, scores
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.corpora.views import DialogueView
from erclab.exhibits import drawn
from erclab.figures import conversations as conversation_figures
from erclab.figures import heat, style


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def records(tiny, folder):
    """Two seeds of a small SDT, two epochs each."""
    return runs.run("sdt", tiny, seeds=2, epochs=2, folder=folder, progress=False)


@pytest.fixture(scope="session")
def groups(tiny, folder, records):
    alone = runs.run("sdt", tiny, seeds=2, epochs=1, modalities=["audio"], folder=folder, progress=False)
    return {"SDT, all modalities": records, "SDT, audio alone": alone, "Constant": runs.run("constant", tiny,
                                                                                            folder=folder)}


def title(axis):
    return axis.get_title(loc="left")


def legend(figure):
    """The texts of its legends, wherever they stand."""
    boxes = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    return [t.get_text() for box in boxes for t in box.get_texts()]


def percent(records, metric="weighted_f1", split="test"):
    return [100 * r.scores(split)[metric] for r in records]


# Scores

def test_the_table_holds_mean_and_deviation_of_every_group(groups):
    table = scores.headlines(groups)
    assert table.index.tolist() == list(groups) and table["runs"].tolist() == [2, 2, 1]
    for name, group in groups.items():
        for metric in metrics.HEADLINE:
            x = percent(group, metric)
            said = f"{np.mean(x):.1f} ± {np.std(x, ddof=1):.1f}" if len(x) > 1 else f"{x[0]:.1f}"
            assert table.loc[name, metrics.TITLES[metric]] == said


def test_the_table_of_another_split_has_that_splits_numbers(groups, records):
    said = scores.headlines(groups, "valid").loc["SDT, all modalities", "accuracy"]
    assert said.startswith(f"{np.mean(percent(records, 'accuracy', 'valid')):.1f}")
    assert scores.headlines(groups, "valid").to_string() != scores.headlines(groups).to_string()


def test_bars_are_the_groups_means_in_their_colours(groups):
    figure = drawn.bars(groups, title="SDT and what it must beat", reference={"published": 74.08})
    (axis,) = figure.axes
    assert [b.get_width() for b in axis.patches] == pytest.approx([np.mean(percent(g)) for g in groups.values()])
    assert [t.get_text() for t in axis.get_yticklabels()] == list(groups)
    assert title(axis) == "SDT and what it must beat" and "weighted F1" in axis.get_xlabel()
    assert [to_hex(b.get_facecolor()).upper() for b in axis.patches] == [
        style.PURPLE, style.MODALITY["audio"], style.GREY]
    assert legend(figure) == ["trained network", "fitted or constant", "published: 74.08"]
    assert legend(drawn.bars({"SDT, audio alone": groups["SDT, audio alone"]}, title="")) == []


def test_bars_of_another_metric_say_which(groups):
    (axis,) = drawn.bars(groups, "macro_f1", title="").axes
    assert axis.patches[2].get_width() == pytest.approx(percent(groups["Constant"], "macro_f1")[0])
    assert "macro F1" in axis.get_xlabel()


def test_f1_of_each_class_is_that_of_each_seeds_confusion(records, tiny):
    frame = scores.per_class(records)
    assert frame.index.tolist() == list(tiny.labels)
    assert frame["support"].tolist() == np.bincount(tiny.targets("test"), minlength=6).tolist()
    for seed, record in enumerate(records):
        guess = record.predictions().argmax(1)
        for c, label in enumerate(tiny.labels):
            truth = tiny.targets("test")
            both, either = ((truth == c) & (guess == c)).sum(), (truth == c).sum() + (guess == c).sum()
            assert frame.loc[label, f"seed {seed}"] == pytest.approx(2 * both / either if either else 0)


def test_bars_of_each_class_show_that_table_and_its_span(records):
    frame = scores.per_class(records)
    mean = 100 * frame[["seed 0", "seed 1"]].mean(axis=1)
    (axis,) = drawn.class_f1(records).axes
    assert [b.get_width() for b in axis.patches] == pytest.approx(mean.tolist())
    assert [t.get_text() for t in axis.get_yticklabels()] == [
        f"{label} ({n})" for label, n in frame["support"].items()]
    mean = mean[frame["support"] > 0]  # without a test sample a class is neither hard nor easy
    assert title(axis) == f"F1 of the classes: {mean.min():.0f} to {mean.max():.0f} (2 seeds)"


def test_confusions_show_the_mean_counts_of_each_group_and_its_score(groups):
    axes = drawn.confusions(groups).axes
    assert len(axes) == 3
    for axis, (name, group) in zip(axes, groups.items(), strict=True):
        mean = np.mean([r.confusion() for r in group], axis=0)
        shown = {tuple(map(int, t.get_position())): t.get_text().split("\n")[1] for t in axis.texts}
        assert shown == {(j, i): f"{mean[i, j]:.{int(mean[i, j] % 1 > 0 and mean[i, j] < 10)}f}"
                         for i, j in np.ndindex(6, 6)}
        x = percent(group)
        spread = f" ± {np.std(x, ddof=1):.1f}" if len(x) > 1 else ""
        assert title(axis) == f"{name}\nweighted F1 {np.mean(x):.1f}{spread}"


def test_error_shares_are_of_the_mistakes_alone(tmp_path):
    def made(confusion):
        return runs.Record({"spec": {"protocol": "sound", "task": "emotion"},
                            "corpus": {"labels": ["calm", "glad", "cross"]},
                            "protocols": {"sound": {"confusion": confusion}}}, tmp_path / "made.json")

    mixed, other, perfect = made([[50, 2, 1], [3, 9, 0], [0, 2, 7]]), made([[9, 0, 4], [0, 9, 0], [1, 3, 9]]), made(
        [[5, 0, 0], [0, 5, 0], [0, 0, 5]])
    given = {"ours": [mixed, perfect, other], "ideal": [perfect]}
    assert scores.error_shares(given, ["calm"]) == {"ours": pytest.approx([3 / 8, 1 / 8])}
    assert scores.error_shares(given, ["cross", "glad"]) == {"ours": pytest.approx([5 / 8, 7 / 8])}


# SDT

def test_training_curves_are_the_records_curves(records):
    figure = drawn.learning_of_sdt(records)
    left, right = figure.axes
    for line, name in zip(left.lines, ("task", "student", "distillation"), strict=True):
        seeds = np.array([r.curve[f"train.{name}"] for r in records])
        assert line.get_ydata() == pytest.approx(seeds.mean(0)) and line.get_xdata().tolist() == [1, 2]
    f1 = np.array([r.curve["valid.weighted_f1"] for r in records])
    assert right.lines[0].get_ydata() == pytest.approx(f1.mean(0))
    (band,) = (c for c in right.collections if isinstance(c, PolyCollection))
    for i, epoch in enumerate((1, 2)):
        y = [v[1] for v in band.get_paths()[0].vertices if v[0] == epoch]
        assert max(y) - min(y) == pytest.approx(2 * f1[:, i].std(ddof=1))
    assert title(right) == "Validation: the epoch is chosen here (2 seeds)"
    assert right.get_ylabel() == "weighted F1, validation split"
    assert title(left) == "The three-part loss, training split"


def test_the_gate_table_has_shares_of_every_test_utterance(records, tiny):
    table = gates.mean_gate_weights(records, tiny)
    assert table.columns.tolist() == ["text", "audio", "visual"]
    assert table.index.tolist() == tiny.rows("test").tolist()
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-5)
    assert (table.to_numpy() > 0).all() and table["text"].std() > 0
    each = [gates.mean_gate_weights([r], tiny) for r in records]
    np.testing.assert_allclose(table, (each[0] + each[1]) / 2, atol=1e-6)
    assert not np.allclose(each[0], each[1])


def test_gates_belong_to_a_run_of_this_corpus_with_several_modalities(records, groups, tiny):
    with pytest.raises(UsageError, match="one modality has no multimodal gate"):
        gates.mean_gate_weights(groups["SDT, audio alone"], tiny)
    moved = tiny.with_vectors("text", tiny.vectors["text"] + 1)  # read with the standardiser of training
    assert not np.allclose(gates.mean_gate_weights(records, moved), gates.mean_gate_weights(records, tiny))
    other = tiny.with_vectors("text", tiny.vectors["text"][:, 1:])
    with pytest.raises(UsageError, match="text"):
        gates.mean_gate_weights(records, other)


def test_the_gates_figure_shows_each_modalitys_weights(records, tiny):
    table = gates.mean_gate_weights(records, tiny)
    (axis,) = drawn.sdt_gates(records, tiny).axes
    assert [t.get_text() for t in axis.get_xticklabels()] == ["text", "audio", "visual"]
    bodies = [c for c in axis.collections if isinstance(c, PolyCollection)]
    for body, m in zip(bodies, table.columns, strict=True):
        y = body.get_paths()[0].vertices[:, 1]
        assert (y.min(), y.max()) == pytest.approx((table[m].min(), table[m].max()), abs=1e-3)
        assert to_hex(body.get_facecolor()[0]).upper() == style.MODALITY[m]
    medians = ", ".join(f"{m} {table[m].median():.2f}" for m in style.MODALITY)
    assert title(axis) == f"Medians: {medians}; equal: 0.33"
    (equal,) = (line for line in axis.lines if line.get_linestyle() == "--")
    assert set(equal.get_ydata()) == {1 / 3}


def test_gates_against_truth_compares_silent_and_speaking_utterances(records, tiny):
    table, truth = gates.mean_gate_weights(records, tiny), tiny.table.loc[tiny.rows("test")]
    made = gates.gates_against_truth(records, tiny)
    assert made.index.tolist() == ["text", "audio", "visual"] and made.columns.tolist() == ["speaking", "silent"]
    plain, masked = (truth["text_kind"] == "plain").to_numpy(), (truth["audio_shown"] == "masked").to_numpy()
    assert made.loc["text", "speaking"] == pytest.approx(table["text"].to_numpy()[plain].mean())
    assert made.loc["text", "silent"] == pytest.approx(table["text"].to_numpy()[~plain].mean())
    assert made.loc["audio", "silent"] == pytest.approx(table["audio"].to_numpy()[masked].mean())


# Conversations

def label_balance(corpus):
    return conversation_figures.label_balance(conversations.label_shares(corpus))


def transitions(corpus, split="train"):
    return heat.transitions(conversations.transitions(corpus, split), corpus.labels,
                            ("A speaker's own emotion persists", "The other's emotion pulls"))


def separability(corpus):
    points = probes.discriminants(corpus)
    return conversation_figures.separability({f"{m} ({corpus.dims[m]} features)": x for m, x in points.items()},
                                             corpus.targets("train"), corpus.labels)


def test_the_overview_counts_dialogues_utterances_turns_and_speakers(tiny):
    table = conversations.overview(tiny)
    assert table.index.tolist() == ["train", "valid", "test"]
    for split, row in table.iterrows():
        dialogues = tiny.dialogues(split)
        lengths = [len(d) for d in dialogues]
        assert row.tolist() == [len(dialogues), sum(lengths), int(np.median(lengths)), max(lengths),
                                max(len({u.speaker for u in d}) for d in dialogues)]


def test_the_overview_leaves_out_a_split_that_is_empty(tiny):
    kept = tiny.table[tiny.table["split"] != "valid"].reset_index(drop=True)
    assert conversations.overview(Corpus("made", kept, tiny.labels)).index.tolist() == ["train", "test"]


def test_label_balance_draws_every_share_and_says_the_largest(tiny):
    (axis,) = label_balance(tiny).axes
    shares = 100 * tiny.counts().div(tiny.counts().sum(axis=1), axis=0)
    assert [b.get_height() for b in axis.patches] == pytest.approx(shares.to_numpy().ravel())
    assert [t.get_text() for t in axis.get_xticklabels()] == list(tiny.labels)
    assert legend(axis.figure) == ["train", "valid", "test"]
    assert f"{shares.loc['train'].max():.0f} %" in title(axis) and shares.loc["train"].idxmax() in title(axis)


def script(*dialogues):
    """A corpus of two emotions from ("A0 B1 A0", ...): who speaks, and how."""
    rows = [("train", f"d{d}", t, turn[0], "Hm.", int(turn[1]))
            for d, turns in enumerate(dialogues) for t, turn in enumerate(turns.split())]
    frame = pd.DataFrame(rows, columns=["split", "dialogue", "turn", "speaker", "text", "label"])
    return Corpus("made", frame, ("calm", "cross"))


def test_transitions_are_ratios_to_chance_of_own_and_other_past():
    figure = transitions(script("A0 B1 A0 B1 A0", "A1 B0 A1 B1"))
    own, other = ({tuple(map(int, t.get_position())): t.get_text() for t in axis.texts} for axis in figure.axes[:2])
    # Own last -> now, by hand: A0A0 twice, B1B1 once, then A1A1 and B0B1: 00 2, 01 1, 10 0, 11 2, of 5.
    assert own == {(0, 0): f"{2 / (3 * 2 / 5):.1f}", (1, 0): f"{1 / (3 * 3 / 5):.1f}", (0, 1): "0.0",
                   (1, 1): f"{2 / (2 * 3 / 5):.1f}"}
    # Other's last -> now: 01 10 01 10, then 10 01 11: 00 0, 01 3, 10 3, 11 1, of 7.
    assert other == {(0, 0): "0.0", (1, 0): f"{3 / (3 * 4 / 7):.1f}", (0, 1): f"{3 / (4 * 3 / 7):.1f}",
                     (1, 1): f"{1 / (4 * 4 / 7):.1f}"}
    assert "persists" in title(figure.axes[0]) and "pulls" in title(figure.axes[1])


def test_ones_own_turn_before_is_not_the_others():
    other = transitions(script("A0 A1 B0")).axes[1]
    assert {t.get_text() for t in other.texts} == {"1.0"}  # only cross -> calm, from A to B: as by chance


def test_utterances_without_a_label_are_no_transition_and_in_no_probe(tiny):
    made = script("A0 B1 A0 B1 A0 B1")
    gap = replace(made, table=made.table.assign(label=[0, 1, -1, 1, 0, 1]))
    ratios = conversations.transitions(gap)
    # Own: A 0 to 0, B 1 to 1 twice. Other's, in the turn before: 0 to 1 twice, 1 to 0; none over the gap.
    np.testing.assert_allclose(ratios["own last"], [[3, 0], [0, 3 / 2]])
    np.testing.assert_allclose(ratios["other's last"], [[0, 3 / 2], [3, 0]])
    label = tiny.table["label"].to_numpy().copy()
    label[::3] = -1
    part = replace(tiny, table=tiny.table.assign(label=label))
    kept = part.select(part.labelled)
    for name, x in probes.discriminants(part).items():
        np.testing.assert_array_equal(x, probes.discriminants(kept)[name])
    pd.testing.assert_frame_equal(probes.probe_scores(part, {"text": part.vectors["text"]}),
                                  probes.probe_scores(kept, {"text": kept.vectors["text"]}))


def test_transitions_do_not_reach_into_the_next_dialogue_or_another_split(tiny):
    alone = transitions(script("A0", "A1", "B1"))
    assert {t.get_text() for axis in alone.axes[:2] for t in axis.texts} == {"1.0"}  # nothing to say
    train, test = (transitions(tiny, s) for s in ("train", "test"))
    assert [t.get_text() for t in train.axes[0].texts] != [t.get_text() for t in test.axes[0].texts]


def test_padding_shows_the_mask_and_says_its_share(tiny):
    batch = DialogueView(tiny, "train", ["text"]).batch([0, 1, 2, 3])
    (axis,) = conversation_figures.padding(batch.mask, batch.speakers).axes
    expected = np.where(batch.mask.numpy(), batch.speakers.numpy() + 1, 0)
    np.testing.assert_array_equal(axis.images[0].get_array(), expected)
    share = 100 * (1 - batch.mask.float().mean().item())
    assert int(re.search(r"(\d+) %", title(axis))[1]) == round(share) > 0
    assert legend(axis.figure) == ["padding", "speaker 0", "speaker 1"]


def test_separability_draws_every_modality_and_utterance(tiny):
    axes = separability(tiny).axes
    assert [title(a) for a in axes] == [f"{m} ({size} features)" for m, size in tiny.dims.items()]
    counts = tiny.counts().loc["train"]
    for axis in axes:
        assert {c.get_label(): len(c.get_offsets()) for c in axis.collections} == counts.to_dict()
    assert legend(axes[0].figure) == list(tiny.labels)


def test_separability_separates_labels_that_can_be_told_apart(tiny):
    x = np.random.default_rng(0).normal(size=(len(tiny), 8)).astype(np.float32)
    x[np.arange(len(tiny)), tiny.table["label"]] += 30
    (axis,) = separability(Corpus("made", tiny.table, tiny.labels, {"text": x})).axes
    centres = np.array([c.get_offsets().mean(0) for c in axis.collections])
    spread = max(c.get_offsets().std(0).max() for c in axis.collections)
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1)[~np.eye(6, dtype=bool)]
    assert np.median(gaps) > 5 * spread


def test_separability_needs_features(tiny):
    with pytest.raises(UsageError, match="made cannot be drawn"):
        separability(Corpus("made", tiny.table, tiny.labels))


def test_every_figure_can_be_stored(tiny, records, groups, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path))
    batch = DialogueView(tiny, "train", ["text"]).batch([0, 1])
    figures = {"balance": label_balance(tiny), "transitions": transitions(tiny),
               "padding": conversation_figures.padding(batch.mask, batch.speakers), "separability": separability(tiny),
               "curves": drawn.learning_of_sdt(records), "gates": drawn.sdt_gates(records, tiny),
               "confusions": drawn.confusions(groups), "bars": drawn.bars(groups, title="Bars")}
    for name, figure in figures.items():
        style.save(figure, f"99_{name}", "tiny")
    assert {p.name for p in tmp_path.iterdir()} == {f"99_{name}_tiny.png" for name in figures}


# Published numbers

def test_published_scores_are_percentages_with_their_source():
    table = published.scores("sdt")
    assert table.columns.tolist() == ["exhibit", "corpus", "model", "setting", "metric", "value", "source"]
    assert table["value"].between(1, 100).all() and (table["source"].str.len() > 0).all()
    assert set(table["metric"]) <= set(metrics.HEADLINE) and set(table["model"]) == {"sdt"}


def test_published_scores_of_one_corpus_are_those_rows():
    """Ma et al. 2023, SDT: accuracy 73.95 and weighted F1 74.08 on IEMOCAP, 67.55 and 66.60 on MELD."""
    for corpus, accuracy, f1 in (("iemocap", 73.95, 74.08), ("meld", 67.55, 66.60)):
        table = published.scores("sdt", corpus)
        assert table.index.tolist() == [0, 1] and set(table["corpus"]) == {corpus}
        assert dict(zip(table["metric"], table["value"], strict=True)) == {"accuracy": accuracy, "weighted_f1": f1}
    assert published.scores("sdt", "simulated").empty


def test_a_reference_is_one_number_with_its_protocol_or_nothing():
    (name, value), = published.reference("sdt", "meld").items()
    assert value == 66.60 and "published" in name and "test" in name
    assert list(published.reference("sdt", "iemocap", "accuracy").values()) == [73.95]
    assert published.reference("sdt", "simulated") == published.reference("sdt", "meld", "macro_f1") == {}


def test_what_a_paper_leaves_out_says_what_paper_code_and_we_do():
    table = published.left_out("sdt")
    assert table.columns.tolist() == ["detail", "paper", "official", "ours"] and len(table) >= 5
    assert (table.map(len) > 0).all(axis=None) and table["detail"].is_unique


@pytest.mark.parametrize("ask", [published.scores, published.left_out, lambda m: published.reference(m, "meld")])
def test_a_model_without_published_numbers_is_an_error_that_says_which_have(ask):
    with pytest.raises(UsageError, match=r"unknown published results of 'sdtt'.*There is: .*sdt"):
        ask("sdtt")
