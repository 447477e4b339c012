"""corpus, cli, tiers, plots."""

import gzip
import json
import subprocess
import sys

import pytest
from datasets import Dataset

from bertsum_lite import corpus
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
