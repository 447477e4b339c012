"""corpus, cli, tiers, plots."""

import gzip
import io
import json
import subprocess
import sys

import pytest
from datasets import Dataset

from bertsum_lite import cli, corpus
from bertsum_lite.corpus import load_corpus, references
from bertsum_lite.tiers import CPU, GPU, tier

RECORD = {"id": "a", "document": ["One.", "Two."], "summary": ["One."]}


def write(path, *lines, encoding="utf-8", end="\n"):
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


# corpus


def test_the_bundled_corpus_has_its_splits_and_only_whole_records():
    splits = {split: load_corpus("harbour", split) for split in ("train", "validation", "test")}
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 240, "validation": 40, "test": 80}
    ids = [row["id"] for rows in splits.values() for row in rows]
    assert len(set(ids)) == 360
    assert all(len(references(row)) == 2 for row in splits["test"])


def test_jsonl_plain_gzipped_with_bom_and_windows_line_ends(tmp_path):
    line = json.dumps({**RECORD, "document": ["渡轮。", "😀 [CLS]"]}, ensure_ascii=False)
    plain = write(tmp_path / "a.jsonl", line, "", line)
    windows = write(tmp_path / "b.jsonl", line, line, encoding="utf-8-sig", end="\r\n")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    rows = [load_corpus(path).to_list() for path in (plain, windows, tmp_path / "c.jsonl.gz")]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0][0]["document"] == ["渡轮。", "😀 [CLS]"]


def test_parquet_and_folders(tmp_path):
    Dataset.from_list([RECORD]).to_parquet(str(tmp_path / "test.parquet"))
    assert load_corpus(tmp_path / "test.parquet").to_list() == load_corpus(tmp_path, "test").to_list() == [RECORD]
    with pytest.raises(FileNotFoundError, match=r"no train.jsonl, .* it holds test.parquet"):
        load_corpus(tmp_path, "train")


def test_a_missing_id_is_the_line_number(tmp_path):
    line = json.dumps({"document": ["A."], "summary": ["A."]})
    assert [row["id"] for row in load_corpus(write(tmp_path / "a.jsonl", line, "", line))] == ["1", "3"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"document": ["A."], "summ', "line 2: not JSON"),
        ("[1, 2]", "line 2: want an object"),
        ('{"id": "x", "document": ["A."]}', "line 2: the field 'summary' is missing; there are id, document"),
        ('{"document": "A. B.", "summary": ["A."]}', "line 2: 'document' is one string; .*split_sentences"),
        ('{"document": ["A.", 3], "summary": ["A."]}', "line 2: 'document' must be a list of sentences"),
        ('{"document": null, "summary": ["A."]}', "line 2: 'document' must be a list"),
        ('{"document": ["A."], "summary": []}', "line 2: 'summary' has no sentence"),
        ('{"document": [" "], "summary": ["A."]}', "line 2: 'document' has no sentence"),
        ('{"document": ["A."], "summary": ["A."], "references": "x"}', "line 2: 'references' must be a list"),
        ('{"document": ["A."], "summary": ["A."], "references": ["x"]}', "line 2: a reference is one string"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = write(tmp_path / "bad.jsonl", json.dumps(RECORD), line)
    with pytest.raises(ValueError, match=f"bad.jsonl, {message}"):
        load_corpus(path)


def test_not_utf8_and_nothing_are_named(tmp_path):
    with pytest.raises(ValueError, match="line 1: not UTF-8"):
        load_corpus(write(tmp_path / "a.jsonl", "é", encoding="latin-1"))
    with pytest.raises(ValueError, match="holds no records"):
        load_corpus(write(tmp_path / "b.jsonl", "", "  "))
    with pytest.raises(FileNotFoundError, match="no corpus 'nowhere'.*harbour"):
        load_corpus("nowhere")


HUB_ROWS = {
    "cnn_dailymail": (
        "3.0.0/test-00000-of-00001.parquet",
        {"article": "Dr. Oke met Bo. They left.", "highlights": "A met B .\nThey left .", "id": "x"},
        {"id": "x", "document": ["Dr. Oke met Bo.", "They left."], "summary": ["A met B .", "They left ."]},
    ),
    "xsum": (
        "default/test/0000.parquet",
        {"document": "Oke met Bo\nThey left.", "summary": "They met.", "id": "x"},
        {"id": "x", "document": ["Oke met Bo", "They left."], "summary": ["They met."]},
    ),
    "scitldr": (
        "Abstract/test/0000.parquet",
        {
            "source": ["A.", "B."],
            "source_labels": [0, 1],
            "rouge_scores": [0.1, 0.2],
            "paper_id": "x",
            "target": ["S.", "T."],
        },
        {"id": "x", "document": ["A.", "B."], "summary": ["S."], "references": [["S."], ["T."]]},
    ),
    "dialogsum": (
        "test.csv",
        {"id": "x", "dialogue": "#A#: Hi.\n#B#: Bye.", "summary": "A greets. B leaves.", "topic": "t"},
        {"id": "x", "document": ["#A#: Hi.", "#B#: Bye."], "summary": ["A greets.", "B leaves."]},
    ),
}


@pytest.mark.parametrize("name", corpus.HUB)
def test_hub_corpora_load_from_folders_laid_out_as_the_hub_lays_them(name, tmp_path, monkeypatch):
    file, row, expected = HUB_ROWS[name]
    path = tmp_path / corpus.HUB[name].repository / file
    path.parent.mkdir(parents=True)
    rows = Dataset.from_list([row])
    rows.to_csv(str(path)) if file.endswith("csv") else rows.to_parquet(str(path))
    monkeypatch.setenv("BERTSUM_DATA", str(tmp_path))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    assert load_corpus(name, "test").to_list() == [expected]


@pytest.mark.parametrize("name", corpus.HUB)
def test_without_a_network_the_folder_to_fill_is_named(name, monkeypatch):
    monkeypatch.delenv("BERTSUM_DATA", raising=False)
    with pytest.raises(OSError, match=rf"could not load {name}[\s\S]*\$BERTSUM_DATA/{name}/train.jsonl"):
        load_corpus(name, "train")


@pytest.mark.network
@pytest.mark.parametrize("name", corpus.HUB)
def test_hub_corpora_load_from_the_hub(name):
    record = load_corpus(name, "test")[0]
    corpus.check_record(record, name)


def test_real_corpora_are_found_by_name(real_data):
    assert len(load_corpus("scitldr", "validation")) == 619
    assert len(load_corpus("cnndm_realsumm100", "test")) == 100


# tiers


def test_tiers(monkeypatch):
    monkeypatch.delenv("BERTSUM_TIER", raising=False)
    assert tier() is CPU
    monkeypatch.setenv("BERTSUM_TIER", "gpu")
    assert tier() is GPU
    monkeypatch.setenv("BERTSUM_TIER", "tpu")
    with pytest.raises(ValueError, match="BERTSUM_TIER is 'tpu'"):
        tier()


# cli


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_encoder):
    folder = tmp_path_factory.mktemp("run")
    lines = [
        json.dumps({**RECORD, "id": str(i), "document": [f"One {i}.", "Two words.", "Three more."]}) for i in range(12)
    ]
    for split in ("train", "validation"):
        write(folder / f"{split}.jsonl", *lines)
    arguments = ["train", "--data", str(folder), "--output", str(folder / "run"), "--encoder", str(tiny_encoder)]
    assert cli.main([*arguments, "--epochs", "1", "--json"]) == 0
    return folder


def run(capsys, *arguments):
    code = cli.main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_train_writes_model_history_and_refuses_to_overwrite(trained, capsys):
    assert {p.name for p in (trained / "run").iterdir()} >= {"model", "history.jsonl"}
    code, out, err = run(capsys, "train", "--data", trained, "--output", trained / "run")
    assert (code, out) == (2, "")
    assert "is there already" in err


def test_centrality_counts_where_a_summary_is_one_sentence_but_not_in_the_paper(trained, tiny_encoder, capsys):
    def weight(folder):
        return json.loads((folder / "model" / "config.json").read_text())["centrality"]

    assert weight(trained / "run") == cli.CENTRALITY
    for name, options in (("two", ["--k", 2]), ("paper", ["--paper"])):
        folder = trained / name
        assert run(capsys, "train", "--data", trained, "--output", folder, "--encoder", tiny_encoder, *options)[0] == 0
        assert weight(folder) == 0


def test_evaluate_prints_every_system(trained, capsys):
    code, out, _ = run(capsys, "evaluate", "--model", trained / "run" / "model", "--data", trained, "--json")
    scores = json.loads(out)
    assert code == 0
    assert list(scores) == ["lead-1", "random", "textrank", "oracle", "bertsum"]
    assert scores["oracle"]["n"] == 12
    code, out, err = run(capsys, "evaluate", "--model", trained / "run" / "model", "--data", trained, "--k", 2)
    assert "lead-2" in out
    assert "scoring" in err


def test_summarize_takes_a_file_standard_input_or_a_text(trained, capsys, tmp_path, monkeypatch):
    model, text = trained / "run" / "model", "One ferry. Two storms came.\nThree ships sank."
    file = tmp_path / "a.txt"
    file.write_text(text, encoding="utf-8-sig")
    first = run(capsys, "summarize", file, "--model", model, "--k", 2, "--json")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    second = run(capsys, "summarize", "--model", model, "--k", 2, "--json")
    third = run(capsys, "summarize", "--text", text, "--model", model, "--k", 2, "--json")
    assert first == second == third
    assert len(json.loads(first[1])["summary"]) == 2
    assert len(run(capsys, "summarize", file, "--model", model, "--words", 3)[1].split()) <= 3
    assert run(capsys, "summarize", file, "--model", model, "--threshold", 2, "--json")[0] == 0


def test_a_model_that_writes_starts_from_one_that_chooses(trained, capsys):
    options = ("--task", "abstractive", "--data", trained, "--init-from", trained / "run" / "model", "--epochs", 1)
    code, out, _ = run(capsys, "train", *options, "--output", trained / "writes", "--json")
    assert (code, json.loads(out)["updates"]) == (0, 1)
    model = trained / "writes" / "model"
    with pytest.warns(UserWarning, match="got the same summary"):  # after one update
        code, out, err = run(capsys, "evaluate", "--model", model, "--data", trained, "--json")
    assert (code, list(json.loads(out))[-1]) == (0, "bertsum")
    assert "writing" in err
    assert run(capsys, "summarize", "--text", "One ferry. Two storms.", "--model", model, "--json")[0] == 0
    code, out, err = run(capsys, "summarize", "--text", "One ferry.", "--model", model, "--k", 2)
    assert (code, out) == (2, "")
    assert "--k choose sentences" in err


def test_label_prints_one_object_a_document(trained, capsys):
    code, out, err = run(capsys, "label", "--data", trained)
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err, len(rows)) == (0, "", 12)
    assert rows[0] == {"id": "0", "labels": [1, 0, 0]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["summarize", "no-such-file.txt", "--model", "MODEL"], "no-such-file.txt"),
        (["summarize", "--text", " ", "--model", "MODEL"], "the text is empty"),
        (["summarize", "--text", "A b.", "--model", "no-such-model"], "no-such-model"),
        (["evaluate", "--model", "MODEL", "--data", "nowhere"], "no corpus 'nowhere'"),
        (["evaluate", "--model", "MODEL", "--data", "harbour", "--split", "dev"], "it holds"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(trained, capsys, arguments, message):
    arguments = [str(trained / "run" / "model") if a == "MODEL" else a for a in arguments]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("k", ["0", "-1", "two"])
def test_a_k_that_is_none_is_refused(capsys, k):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["summarize", "--text", "A.", "--model", "m", "--k", k])
    assert "at least 1" in capsys.readouterr().err


def test_help_is_quick_and_names_every_command():
    help_text = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bertsum_lite.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torch" not in help_text.stderr
    for command in ("train", "evaluate", "summarize", "label"):
        assert command in help_text.stdout


# the package


def test_import_loads_nothing_heavy_and_every_public_name_exists():
    code = (
        "import sys, bertsum_lite\n"
        "heavy = [m for m in ('torch', 'transformers', 'datasets', 'matplotlib') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
        "[getattr(bertsum_lite, name) for name in bertsum_lite.__all__]\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# plots


def test_a_figure_without_a_text_is_refused_and_one_with_it_carries_it(monkeypatch):
    from bertsum_lite import plots

    shown = []
    monkeypatch.setattr(plots, "display", lambda data, **more: shown.append((data, more)))
    with pytest.raises(ValueError, match="say in `alt`"):
        plots.show(plots.lines({"a": [1, 2]}, "x", "y", "t"), alt=" ")
    plots.show(plots.lines({"a": [1, 2], "b": [2, 1]}, "x", "y", "t"), alt='two "lines"')
    assert 'alt="two &quot;lines&quot;"' in shown[0][0]["text/html"]
    assert plots.smooth([5.0, 5.0, 5.0]) == pytest.approx([5, 5, 5])


def test_highlighting_treats_the_text_as_data(monkeypatch):
    from bertsum_lite import plots

    shown = []
    monkeypatch.setattr(plots, "display", lambda data, **_: shown.append(data))
    plots.highlight(["<script>", "b"], chosen=[0], oracle=[0, 1])
    assert "<script>" not in shown[0]["text/html"]
    assert "▶★" in shown[0]["text/html"]
