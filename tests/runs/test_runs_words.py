"""Runs of models that read words, and of a student with a teacher."""

import shutil

import pytest

from erclab import runs
from erclab.core.errors import FeatureError, RunError, UsageError
from erclab.training.loop import predictions

SMALL = {"epochs": 1, "feed_forward": 8, "heads": 2, "layers": 1, "fusion_layers": 1, "context_turns": 2}


@pytest.fixture
def ask(tiny, tmp_path):
    def ask(model="dialoguetrm", corpus=tiny, **question):
        settings = SMALL if model == "dialoguetrm" else {"epochs": 1, "hidden": 8, "heads": 2}
        return runs.run(model, corpus, folder=tmp_path / "runs", progress=False, **{**settings, **question})[0]
    return ask


def test_dialoguetrm_fine_tunes_a_bert_on_the_words(ask, tiny, tiny_source, tmp_path):
    source = shutil.copytree(tiny_source, tmp_path / "bert")
    record = ask(words=source, modalities=["text", "audio"])
    settings = record.spec["settings"]
    assert (settings["text_from"], settings["hidden"], settings["bert"]["max_positions"]) == ("tokens", 8, 16)
    assert settings["bert"]["pretrained"].startswith("local@") and record.spec["words"] == str(source)
    view = runs.views(record.spec, tiny)["test"]
    assert abs(predictions(record.model(), view) - record.predictions()).max() < 1e-5
    # The trained model needs the BERT no more; the words do.
    shutil.rmtree(source)
    record.model()
    with pytest.raises(FeatureError, match="no such folder"):
        runs.views(record.spec, tiny)


def test_it_starts_from_the_pretrained_weights_unless_they_are_not_wanted(ask, tiny_source):
    still = {"words": tiny_source, "learning_rate": 1e-12, "pretrained_learning_rate": 1e-12}
    started, drawn = ask(**still), ask(**still, **{"bert.pretrained": None})
    import safetensors.torch

    pretrained = safetensors.torch.load_file(tiny_source / "model.safetensors")
    word = next(name for name in pretrained if name.endswith("word_embeddings.weight"))
    ours = [next(p for n, p in r.model().state_dict().items() if n.endswith("word_embeddings.weight"))
            for r in (started, drawn)]
    assert abs(ours[0] - pretrained[word]).max() < 1e-6 < abs(ours[1] - pretrained[word]).max()
    assert drawn.spec["settings"]["bert"]["pretrained"] is None


def test_words_need_no_vectors_of_the_text(ask, tiny, tiny_source):
    from dataclasses import replace

    wordy = replace(tiny, vectors={m: x for m, x in tiny.vectors.items() if m != "text"}, frames={})
    assert ask(corpus=wordy, words=tiny_source).spec["modalities"] == ["text", "audio", "visual"]


def test_without_a_bert_it_reads_vectors(tiny):
    plan, = runs.plan("dialoguetrm", tiny)
    assert plan.settings["text_from"] == "vectors" and dict(plan.settings["dims"])["text"] == tiny.dims["text"]


def test_a_model_of_vectors_reads_no_words(ask):
    with pytest.raises(UsageError, match="dialoguetrm"):
        ask("sdt", words="minilm")


def test_an_offline_student_learns_from_the_run_it_is_given(ask):
    teacher = ask("sdt")
    student = ask("sdt", distillation="offline", teacher=teacher)
    again = ask("sdt", distillation="offline", teacher=teacher.id)
    assert student.spec["teacher"] == teacher.id == again.spec["teacher"] and student.id == again.id
    other = ask("sdt", distillation="offline", teacher=ask("sdt", seeds=[1]))
    assert other.id != student.id and (other.predictions() != student.predictions()).any()


def test_a_teacher_is_given_where_one_is_needed_and_only_there(ask):
    with pytest.raises(UsageError, match="needs a teacher"):
        ask("sdt", distillation="offline")
    with pytest.raises(UsageError, match="nothing learns from it"):
        ask("sdt", teacher="sdt-0")
    with pytest.raises(RunError, match="not a run record"):
        ask("sdt", distillation="offline", teacher="sdt-0")
