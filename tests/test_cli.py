"""The command line as a user meets it: exit status, one line per mistake, JSON that a machine can read."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from erclab.cli.common import changes

TINY = ("--corpus", "simulated-tiny")
HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"


@pytest.fixture
def call(call, monkeypatch, tmp_path):
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "runs"))
    return call


@pytest.fixture
def meld(tmp_path):
    """A MELD folder of six invented utterances with text vectors of its own, so that nothing is encoded."""
    folder = tmp_path / "meld"
    folder.mkdir()
    rows = "1,Good morning.,Ann,neutral,neutral,0,0,1,1,0,1\n2,What a day!,Ben,joy,positive,0,1,1,1,1,2\n"
    for part in ("train", "dev", "test"):
        (folder / f"{part}_sent_emo.csv").write_text(HEADER + rows)
    np.savez(folder / "text.npz", **{part: np.ones((2, 3), np.float32) for part in ("train", "dev", "test")})
    return folder


def test_corpora_are_listed(call):
    status, out, _ = call("corpora")
    assert status == 0 and "meld" in out
    status, out, _ = call("corpora", "--json")
    assert status == 0 and "meld" in [row["name"] for row in json.loads(out)]


def test_models_are_listed_with_their_sizes_beside_published_ones(call):
    """HCT-MG on MOSI: 0.54 M (Wang et al. 2023, Table 2); LMF-MulT there: 0.84 M, which ours does not have."""
    status, out, _ = call("models")
    assert status == 0 and "sdt" in out and "no parameters by gradient" in out
    assert "542,444   = 0.54 M (HCT-MG, Table 2)" in out
    assert "697,441   ≠ 0.84 M" in out and "the 0.14 M that are" in out
    found = {m["name"]: m for m in json.loads(call("models", "sdt", "constant", "--json")[1])}
    assert list(found["sdt"]) == ["name", "title", "paper", "family", "kind", "view", "tasks", "sizes", "note"]
    official, = (r for r in found["sdt"]["sizes"] if r["corpus"] == "iemocap" and r["variants"] == ["official"])
    assert official["parameters"] == official["published"][0]["value"] == 79_687_704
    assert found["constant"]["sizes"] == [] and found["constant"]["family"] == "baseline"


def test_a_run_prints_its_scores_and_where_it_is(call):
    plain = ("run", "sdt", "--corpus", "simulated-tiny", "--set", "epochs=1", "--set", "hidden=16")
    arguments = (*plain, "--seeds", "2")
    status, out, _ = call(*arguments)
    assert status == 0 and "weighted F1" in out and out.count("by the sound protocol") == 2
    status, out, _ = call(*arguments, "--json")
    records = json.loads(out)
    assert status == 0 and [r["spec"]["seed"] for r in records] == [0, 1]
    assert records[0]["spec"]["settings"]["hidden"] == 16
    _, out, _ = call(*plain, "--seed", "1", "--json")  # a seed, and not an abbreviation of --seeds
    assert [r["spec"]["seed"] for r in json.loads(out)] == [1]


def test_values_are_literals_or_text():
    assert changes(["a=1", "b=0.5", "c=None", "d=(1, 2)", "e=pre"]) == {
        "a": 1, "b": 0.5, "c": None, "d": (1, 2), "e": "pre"}


def one_line(err):
    assert err.startswith("erclab: error: ") and err.count("\n") == 1 and "Traceback" not in err
    return err


@pytest.mark.parametrize("arguments, said", [
    (("run", "sdt", "--corpus", "simulate"), "Did you mean 'simulated'"),
    (("run", "stt"), "unknown model 'stt'"),
    (("run", "sdt", "--corpus", "meld"), "needs a folder"),
    (("run", "sdt", "--corpus", "meld", "--data", "/no/such/folder"), "/no/such/folder: there is no such folder"),
    (("run", "sdt", "--corpus", "simulated-tiny", "--data", "."), "embedded and reads no folder"),
    (("run", "sdt", *TINY, "--set", "epochs"), "not NAME=VALUE"),
    (("run", "sdt", *TINY, "--set", "epocs=1"), "Did you mean 'epochs'"),
    (("run", "sdt", *TINY, "--protocol", "lucky"), "unknown protocol"),
    (("run", "sdt", *TINY, "--device", "toaster"), "cannot be used here"),
    (("study", "99"), "no notebook '99'"),
    (("study", "--profile", "large"), "unknown profile"),
    (("study", "--corpus", "nope"), "unknown corpus"),
])
def test_a_mistake_is_one_line_and_status_2(call, arguments, said):
    status, out, err = call(*arguments)
    assert status == 2 and out == "" and said in one_line(err)


@pytest.mark.parametrize("arguments", [(), ("fly",), ("run",), ("run", "sdt", "--seeds", "x")])
def test_wrong_usage_is_status_2(call, arguments):
    status, _, err = call(*arguments)
    assert status == 2 and "usage:" in err


def test_a_malformed_row_names_file_line_and_remedy(call, meld):
    with open(meld / "dev_sent_emo.csv", "a") as file:
        file.write("3,too,few\n")
    status, _, err = call("run", "constant", "--corpus", "meld", "--data", str(meld))
    assert status == 2 and "dev_sent_emo.csv, line 4" in one_line(err)


def test_an_unknown_label_names_file_line_and_the_labels(call, meld):
    with open(meld / "test_sent_emo.csv", "a") as file:
        file.write("3,Hm.,Ann,boredom,neutral,0,2,1,1,2,3\n")
    status, _, err = call("run", "constant", "--corpus", "meld", "--data", str(meld))
    assert status == 2 and "test_sent_emo.csv, line 4" in one_line(err) and "boredom" in err and "neutral" in err


def test_a_nan_feature_names_file_and_utterance(call, meld):
    arrays = {part: np.ones((2, 3), np.float32) for part in ("train", "dev", "test")}
    arrays["train"][1, 2] = np.nan
    np.savez(meld / "text.npz", **arrays)
    status, _, err = call("run", "constant", "--corpus", "meld", "--data", str(meld))
    assert status == 2 and "text.npz" in one_line(err) and "train" in err and "nan" in err.lower()


def test_help_explains_every_command(call):
    for command in ("study", "run", "sweep", "runs", "models", "contracts", "corpora"):
        status, out, _ = call(command, "--help")
        assert status == 0 and "A mistake of yours" in out


def test_help_needs_nothing_heavy():
    """Or a slip of the finger would cost seconds."""
    code = ("import sys\nfrom erclab import cli\ntry: cli.main(['sweep', '--help'])\nexcept SystemExit: pass\n"
            "print(sorted({'torch', 'pandas', 'yaml', 'joblib', 'ray', 'matplotlib'} & {*sys.modules}))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_corpus_is_shown(call, meld):
    status, out, _ = call("corpora", "show", "simulated-tiny")
    assert status == 0
    for word in ("Splits", "Features", "Labels", "verbatim in training", "frustrated", "sentiment"):
        assert word in out
    status, out, _ = call("corpora", "show", "meld", "--data", str(meld), "--json")
    facts = json.loads(out)
    assert status == 0 and facts["Splits"]["train"]["utterances"] == 2 and facts["tasks"] == ["emotion"]
    status, out, err = call("corpora", "show", "simulate")
    assert status == 2 and "Did you mean" in one_line(err) and out == ""


def test_a_corpus_is_imported_and_used(call, meld, tmp_path):
    status, out, _ = call("corpora", "import", "simulated-tiny", "--out", str(tmp_path / "cache"))
    assert status == 0 and str(tmp_path / "cache") in out
    status, first, _ = call("run", "linear", "--corpus", "simulated-tiny", "--json")
    status, second, _ = call("run", "linear", "--corpus", "imported", "--data", str(tmp_path / "cache"), "--json")
    first, second = json.loads(first)[0], json.loads(second)[0]
    assert status == 0 and first["spec"]["fingerprint"] == second["spec"]["fingerprint"]
    assert first["protocols"] == second["protocols"]
    status, _, err = call("corpora", "import", "simulated-tiny", "--out", str(meld))
    assert status == 2 and "not empty" in one_line(err)


@pytest.fixture
def own(tmp_path):
    """A folder of the user's own with a path that a shell would split: 12 utterances in each split, some unlabelled."""
    folder = tmp_path / "my own"
    folder.mkdir()
    rows = "".join(f"{s},{s}-{t // 4},{t},{'AB'[t % 2]},Words {t},{('', 'x', 'y')[t % 3]}\n"
                   for s in ("train", "valid", "test") for t in range(12))
    (folder / "utterances.csv").write_text("split,dialogue,turn,speaker,text,label\n" + rows, "utf-8")
    audio = np.random.default_rng(0).normal(size=(36, 3)).astype(np.float32)
    audio[5:7] = 0
    np.savez(folder / "audio.npz", X=audio)
    np.savez(folder / "visual.npz", X=np.ones((36, 2, 3)))
    return folder


def test_show_reads_files_and_computes_nothing(call, own, monkeypatch):
    for name in ("encode", "tokens", "encoder_identity"):
        monkeypatch.setattr(f"erclab.features.text.{name}", lambda *a, **k: pytest.fail("a feature was computed"))
    (own / "audio.pt").write_bytes(b"")
    before = sorted(own.rglob("*"))
    status, out, err = call("corpora", "show", "table", "--data", str(own))
    assert status == 0 and err == "" and sorted(own.rglob("*")) == before
    assert "note: not read, though beside the corpus: audio.pt" in out
    assert "to compute:             text as vectors (for models of utterances, --text-encoder)" in out
    assert "without emotion label:  12" in out
    status, out, _ = call("corpora", "show", "table", "--data", str(own), "--json")
    assert len(json.loads(out)["notes"]) == 1 and json.loads(out)["to compute"]


def test_a_run_says_what_it_read_and_notes_go_to_stderr(call, own):
    (own / "audio.pt").write_bytes(b"")
    (own / "text.npz").write_bytes((own / "audio.npz").read_bytes())
    status, out, err = call("run", "linear", "--corpus", "table", "--data", str(own), "--modalities", "audio")
    assert status == 0 and err.startswith("note: not read, though beside the corpus: audio.pt") and err.count("\n") == 1
    count = "12 utterances (8 with emotion)"
    assert out.splitlines()[0] == ("Read: audio (missing in 2) (not text, visual, there as sequences); "
                                   f"train {count}, valid {count}, test {count}")
    status, out, _ = call("run", "linear", "--corpus", "table", "--data", str(own), "--folds", "3")
    assert status == 0
    assert out.startswith("Read: text (missing in 2), audio (missing in 2) (not visual, there as sequences); "
                          "36 utterances in 3 folds\n")
    status, out, err = call("run", "sdt", "--corpus", "table", "--data", str(own), "--modalities", "visual")
    assert status == 2 and "visual of table is there as sequences; SDT reads utterance vectors" in err.splitlines()[-1]


def test_the_advice_of_an_import_can_be_pasted(call, own, tmp_path):
    (own / "text.npz").write_bytes((own / "audio.npz").read_bytes())
    status, out, _ = call("corpora", "import", "table", "--data", str(own), "--out", str(tmp_path / "it's {mine}"))
    assert status == 0
    words = shlex.split(out.splitlines()[1].partition("Use it: ")[2])
    assert words[1:3] == ["run", "sdt"] and words[-1] == str(tmp_path / "it's {mine}")


def test_a_corpus_without_emotions_is_refused_by_a_model_of_emotions(call, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    rows = "".join(f"{s},{s}-1,{t},A,Words {t},{2 * t - 2}\n" for s in ("train", "valid", "test") for t in range(3))
    (folder / "utterances.csv").write_text("split,dialogue,turn,speaker,text,sentiment\n" + rows)
    np.savez(folder / "audio.npz", X=np.ones((9, 2), np.float32), ids=np.array(["x"] * 9)[:0])
    np.savez(folder / "audio.npz", X=np.ones((9, 2), np.float32))
    status, _, err = call("run", "linear-balanced", "--corpus", "table", "--data", str(folder))
    assert status == 2 and "predicts emotion" in one_line(err) and "sentiment" in err


def test_contracts_are_a_matrix_with_reasons(call):
    status, out, _ = call("contracts", "sdt", "--contract", "no_dead_parameter", "--contract", "causality")
    assert status == 0 and "no dead parameter" in out and "sdt, official" in out and " ok" in out and "–" in out
    assert "Parameters without a gradient" in out and "never uses this layer" in out and "Not tried" not in out
    status, out, _ = call("contracts", "sdt", "--contract", "export_and_reload", "--json")
    found = json.loads(out)
    assert status == 0 and found["findings"] == [] and found["matrix"]["sdt, paper"] == {"export_and_reload": "ok"}


def test_a_broken_contract_is_status_1_and_a_quirk_is_not(call, monkeypatch):
    from erclab.contracts import ContractBroken, checks, rows

    def broken(case):
        raise ContractBroken("sample 0 changed the others")
    monkeypatch.setitem(checks.CONTRACTS, "causality", broken)
    arguments = ("contracts", "sdt", "--contract", "causality")
    status, out, _ = call(*arguments)
    assert status == 1 and "FAILS" in out and "sdt-paper-text, causality: sample 0 changed the others" in out
    assert call(*arguments, "--json")[0] == 1
    quirk = rows.Row("sdt", "official", breaks={"causality": ("sample 0", "the authors read the whole batch")})
    monkeypatch.setattr(rows, "ROWS", (quirk,))
    status, out, _ = call(*arguments)
    assert status == 0 and "breaks (quirk)" in out and out.count("the authors read the whole batch") == 1


def test_a_mistake_in_a_check_is_status_1_and_not_a_broken_model(call, monkeypatch):
    from erclab.contracts import checks

    monkeypatch.setitem(checks.CONTRACTS, "causality", lambda case: case.no_such_thing)
    status, out, _ = call("contracts", "sdt", "--contract", "causality")
    assert status == 1 and " error" in out and "FAILS" not in out
    assert "Mistakes in the checks themselves" in out and "AttributeError: " in out and "(test_cli.py, line " in out
    status, out, _ = call("contracts", "sdt", "--contract", "causality", "--json")
    assert status == 1 and {f["status"] for f in json.loads(out)["findings"]} == {"error"}


def test_contracts_of_what_does_not_exist(call):
    for arguments, said in ((("stt",), "Did you mean 'sdt'"), (("constant",), "fitted to flat arrays"),
                            (("sdt", "--contract", "x"), "unknown contract")):
        status, out, err = call("contracts", *arguments)
        assert status == 2 and out == "" and said in one_line(err)
