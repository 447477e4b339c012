"""The command line as people use it: pipes, folders, interruptions, odd files."""

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bertsum_lite import batch, cli, commands
from bertsum_lite.tiers import CPU, peak_rate, shortened
from bertsum_lite.training import noam

RECORD = {"id": "a", "document": ["One.", "Two."], "summary": ["One."]}
TEXT = "One ferry sank. Two storms came on Monday. Three ships were lost. Nobody was hurt."


def write(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


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


@pytest.fixture
def model(trained):
    return trained / "run" / "model"


@pytest.fixture
def articles(tmp_path):
    """A file of 150 articles without summaries: three chunks."""
    rows = [{"id": f"a{i}", "text": f"Ferry {i} sank. It rained on day {i}. Fares rose."} for i in range(150)]
    return write(tmp_path / "articles [1].jsonl", *map(json.dumps, rows))


def run(capsys, *arguments):
    code = cli.main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def shell(command, **environment):
    """Run a shell command in which ``bertsum-lite`` is ours."""
    ours = f'bertsum-lite() {{ "{sys.executable}" -m bertsum_lite.cli "$@"; }}; set -o pipefail; '
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(["bash", "-c", ours + command], capture_output=True, env=environment, timeout=300)


# train and evaluate


def test_train_writes_model_history_and_refuses_to_overwrite(trained, capsys):
    assert {p.name for p in (trained / "run").iterdir()} >= {"model", "history.jsonl"}
    code, out, err = run(capsys, "train", "--data", trained, "--output", trained / "run")
    assert (code, out) == (2, "")
    assert "is there already" in err


def test_centrality_counts_where_a_summary_is_one_sentence_but_not_in_the_paper(trained, tiny_encoder, capsys):
    def weight(folder):
        return json.loads((folder / "model" / "config.json").read_text())["centrality"]

    assert weight(trained / "run") == commands.CENTRALITY
    for name, options in (("two", ["--k", 2]), ("paper", ["--paper"])):
        folder = trained / name
        assert run(capsys, "train", "--data", trained, "--output", folder, "--encoder", tiny_encoder, *options)[0] == 0
        assert weight(folder) == 0


def test_the_options_of_training_reach_it(trained, tiny_encoder, capsys, tmp_path):
    options = ["--learning-rate", "0.01", "--documents-per-update", 3, "--tokens-per-batch", 50, "--window", 64]
    arguments = ["--data", trained, "--output", tmp_path / "run", "--encoder", tiny_encoder, "--device", "cpu"]
    assert run(capsys, "train", *arguments, *options)[0] == 0
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert len(history) == 4  # 12 documents, 3 per update
    assert max(row["lr"] for row in history) == pytest.approx(0.01)
    assert json.loads((tmp_path / "run" / "model" / "config.json").read_text())["window"] == 64


def test_few_documents_get_a_schedule_that_leaves_its_warm_up():
    for settings in (CPU.settings, CPU.writing):
        for documents in (1, 50, 240, 2_000, 100_000):
            fitted = shortened(settings, documents)
            updates = fitted.epochs * math.ceil(documents / fitted.documents_per_update)
            for before, group in zip(settings.groups, fitted.groups):
                assert group.warmup <= max(1, updates / 4)
                assert noam(group.warmup, group.learning_rate, group.warmup) == pytest.approx(peak_rate(before))
    assert shortened(CPU.writing, 100_000) == CPU.writing


def test_a_language_without_rules_of_its_own_trains_and_summarizes(trained, tiny_encoder, capsys, tmp_path):
    arguments = ["--data", trained, "--output", tmp_path / "run", "--encoder", tiny_encoder, "--language", "pt"]
    assert run(capsys, "train", *arguments)[0] == 0
    model = tmp_path / "run" / "model"
    for options in ([], ["--language", "xx"]):
        code, out, _ = run(capsys, "summarize", "--text", "O navio parou. Choveu.", "--model", model, *options)
        assert (code, out != "") == (0, True)


def test_training_begins_only_where_it_can_write(trained, tiny_encoder, capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("bertsum_lite.training.train", lambda *_: pytest.fail("it trained"))
    output = tmp_path / "file" / "run"
    code, _, err = run(capsys, "train", "--data", trained, "--output", output, "--encoder", tiny_encoder)
    assert code == 2
    assert str(tmp_path / "file") in err


def test_what_differs_from_the_interrupted_run_is_named(trained, tiny_encoder, capsys, tmp_path):
    arguments = ["train", "--data", trained, "--output", tmp_path / "run", "--encoder", tiny_encoder]
    assert run(capsys, *arguments, "--save-every", 1)[0] == 0
    (tmp_path / "run" / "model").rename(tmp_path / "elsewhere")  # as if it had been stopped before its end
    for options, words in ((["--paper"], "loss"), (["--epochs", 2], "epochs"), (["--limit", 5], "examples")):
        code, _, err = run(capsys, *arguments, *options)
        assert code == 2
        assert words in err
    assert run(capsys, *arguments)[0] == 0


def test_evaluate_prints_every_system(trained, model, capsys):
    code, out, _ = run(capsys, "evaluate", "--model", model, "--data", trained, "--json")
    scores = json.loads(out)
    assert code == 0
    assert list(scores) == ["lead-1", "random", "textrank", "oracle", "bertsum"]
    assert scores["oracle"]["n"] == 12
    code, out, err = run(capsys, "evaluate", "--model", model, "--data", trained, "--k", 2, "--device", "cpu")
    assert "lead-2" in out
    assert "scoring" in err


def test_the_ceiling_of_evaluate_looks_at_every_reference(model, capsys, tmp_path):
    two = {**RECORD, "summary": ["Nothing."], "references": [["Nothing."], ["Two."]]}
    _, out, _ = run(
        capsys, "evaluate", "--model", model, "--data", write(tmp_path / "a.jsonl", json.dumps(two)), "--json"
    )
    assert json.loads(out)["oracle"]["mean"]["rouge1"] == 100


def test_a_model_that_writes_starts_from_one_that_chooses(trained, model, capsys):
    options = ("--task", "abstractive", "--data", trained, "--init-from", model, "--epochs", 1)
    code, out, _ = run(capsys, "train", *options, "--output", trained / "writes", "--json")
    assert (code, json.loads(out)["updates"]) == (0, 3)  # 12 documents, 4 per update
    writes = trained / "writes" / "model"
    code, out, err = run(capsys, "evaluate", "--model", writes, "--data", trained, "--json")
    assert (code, list(json.loads(out))[-1]) == (0, "bertsum")
    assert "writing" in err
    assert run(capsys, "summarize", "--text", TEXT, "--model", writes, "--json", "--tokens-per-batch", 99)[0] == 0
    code, out, err = run(capsys, "summarize", "--text", TEXT, "--model", writes, "--k", 2, "--scores")
    assert (code, out) == (2, "")
    assert "--k, --scores choose sentences" in err


# summarize one text


def test_a_file_standard_input_and_a_text_give_the_same(model, capsys, tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    file.write_text(TEXT, encoding="utf-8-sig")
    first = run(capsys, "summarize", file, "--model", model, "--k", 2, "--json")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    second = run(capsys, "summarize", "--model", model, "--k", 2, "--json")
    third = run(capsys, "summarize", "--text", TEXT, "--model", model, "--k", 2, "--json")
    assert first == second == third
    assert len(json.loads(first[1])["summary"]) == 2


def test_the_length_is_said_in_sentences_words_or_shares(model, capsys):
    def length(*options):
        _, out, _ = run(capsys, "summarize", "--text", TEXT, "--model", model, "--json", *options)
        return [len(sentence.split()) for sentence in json.loads(out)["summary"]]

    assert len(length("--k", 3)) == 3
    assert sum(length("--words", 9)) <= 9 < sum(length("--k", 4))
    assert sum(length("--ratio", 0.6)) <= 0.6 * 15
    assert (len(length("--threshold", 0)), len(length("--threshold", 1))) == (4, 1)


def test_scores_show_every_sentence_and_its_place(model, capsys):
    _, out, _ = run(capsys, "summarize", "--text", TEXT, "--model", model, "--k", 2, "--scores", "--json")
    result = json.loads(out)
    assert [TEXT[s["start"] : s["end"]] for s in result["sentences"]] == [s["text"] for s in result["sentences"]]
    assert [s["text"] for s in result["sentences"] if s["chosen"]] == result["summary"]
    _, out, _ = run(capsys, "summarize", "--text", TEXT, "--model", model, "--k", 2, "--scores")
    assert [line[0] for line in out.splitlines()].count("*") == 2
    assert len(out.splitlines()) == 4


def test_repetitions_are_left_out_and_that_is_said(model, capsys):
    same = "The night ferry stays. They say the night ferry stays for now."
    code, out, err = run(capsys, "summarize", "--text", same, "--model", model, "--k", 2, "--json")
    assert (code, len(json.loads(out)["summary"])) == (0, 1)
    assert "do not repeat each other" in err
    _, out, err = run(capsys, "summarize", "--text", same, "--model", model, "--k", 2, "--json", "--no-blocking")
    assert (len(json.loads(out)["summary"]), err) == (2, "")


# summarize many


def test_files_and_folders_and_a_bad_one_among_them(model, capsys, tmp_path):
    folder = tmp_path / "texte [neu] é"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / f"{name}.txt").write_text(TEXT, encoding="utf-8")
    code, out, err = run(capsys, "summarize", folder, "--model", model, "--k", 1)
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith("==>")] == [
        f"==> {folder}/{name}.txt <==" for name in ("a", "b")
    ]
    (folder / "bad.txt").write_bytes("caf\xe9".encode("latin-1"))
    output = tmp_path / "out.jsonl"
    code, _, err = run(capsys, "summarize", folder, "--model", model, "--output", output)
    assert code == 2
    assert "bad.txt is not UTF-8: byte 3 is 0xe9" in err
    assert [Path(json.loads(line)["id"]).name for line in output.read_text().splitlines()] == ["a.txt", "b.txt"]
    assert run(capsys, "summarize", tmp_path / "texte [neu] é", "--model", model, "--output", output)[0] == 2


def test_a_corpus_is_summarized_in_order_and_as_one_by_one(model, capsys, tmp_path, articles):
    output = tmp_path / "out.jsonl"
    assert run(capsys, "summarize", "--data", articles, "--model", model, "--k", 1, "--output", output)[0] == 0
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [f"a{i}" for i in range(150)]
    _, out, _ = run(capsys, "summarize", "--data", articles, "--model", model, "--k", 1, "--json")
    assert out == output.read_text(encoding="utf-8")
    assert {file.name for file in tmp_path.iterdir()} == {"out.jsonl", articles.name}
    text = json.loads(articles.read_text().splitlines()[7])["text"]
    _, out, _ = run(capsys, "summarize", "--text", text, "--model", model, "--k", 1, "--json")
    assert json.loads(out)["summary"] == rows[7]["summary"]


def test_a_full_disk_keeps_what_is_done(model, capsys, tmp_path, articles, monkeypatch):
    options = ["summarize", "--data", articles, "--model", model, "--output", tmp_path / "out.jsonl"]
    note, count = batch._note, []

    def full(journal, line):
        count.append(line)
        if len(count) == 3:
            raise OSError(28, "No space left on device")
        note(journal, line)

    def full_again():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch, "_note", full)
    code, _, err = run(capsys, *options)
    assert code == 2
    assert "out.jsonl is not finished: No space left on device. What is done is kept" in err
    journal = tmp_path / ".out.jsonl.journal"
    kept = journal.read_bytes()
    assert kept.count(b"\n") == 2  # the settings and the first chunk
    monkeypatch.setattr(batch, "_note", lambda *_: full_again())
    assert run(capsys, *options)[0] == 2
    assert journal.read_bytes() == kept
    monkeypatch.setattr(batch, "_note", note)
    assert run(capsys, *options)[0] == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 150


def test_lone_surrogates_come_out_as_they_went_in(model, capsys, tmp_path):
    row = json.dumps({"id": "a\udc80", "document": ["A \ud800 word.", "Two."], "summary": ["A."]})
    output = tmp_path / "out.jsonl"
    options = ["--data", write(tmp_path / "a.jsonl", row), "--model", model, "--output", output, "--k", 2]
    assert run(capsys, "summarize", *options)[0] == 0
    assert json.loads(output.read_text(encoding="utf-8")) == {"id": "a\udc80", "summary": ["A \ud800 word.", "Two."]}


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_interrupted_run_goes_on_and_ends_with_the_same_file(model, capsys, tmp_path, articles, monkeypatch, after):
    options = ["summarize", "--data", articles, "--model", model, "--k", 1]
    assert run(capsys, *options, "--output", tmp_path / "whole.jsonl")[0] == 0
    asked, note = [], batch._note

    def kill(journal, line):
        note(journal, line)
        asked.append(line)
        if len(asked) == after + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(batch, "_note", kill)
    output = tmp_path / "out.jsonl"
    assert run(capsys, *options, "--output", output)[0] == 130
    assert not output.exists()
    monkeypatch.setattr(batch, "_note", note)
    with open(tmp_path / ".out.jsonl.part", "ab") as part:
        part.write(b'{"id": "half a l')
    code, _, err = run(capsys, *options, "--words", 3, "--output", output)
    assert code == 2
    assert "words was None and is 3" in err
    assert run(capsys, *options, "--output", output)[0] == 0
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_other_documents_than_before_are_noticed(model, capsys, tmp_path, articles, monkeypatch):
    options = ["summarize", "--data", articles, "--model", model, "--output", tmp_path / "out.jsonl"]
    note, count = batch._note, []

    def kill(journal, line):
        note(journal, line)
        count.append(line)
        if len(count) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(batch, "_note", kill)
    assert run(capsys, *options)[0] == 130
    monkeypatch.setattr(batch, "_note", note)
    text = articles.read_text()
    articles.write_text(text.replace("Ferry 70 ", "Boat 70 "))
    code, _, err = run(capsys, *options)
    assert code == 2
    assert "documents 65 to 128 are not those" in err
    articles.write_text("".join(text.splitlines(keepends=True)[:64]))
    assert "fewer documents than when" in run(capsys, *options)[2]


def test_a_bad_record_stops_with_its_line_and_what_is_done_is_kept(model, capsys, tmp_path, articles):
    lines = articles.read_text().splitlines()
    write(articles, *lines[:140], "{broken", *lines[140:])
    options = ["summarize", "--data", articles, "--model", model, "--output", tmp_path / "out.jsonl"]
    code, _, err = run(capsys, *options)
    assert code == 2
    assert "line 141" in err
    write(articles, *lines)
    assert run(capsys, *options)[0] == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 150


# label, errors, streams


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
        (["summarize", "--text", "A b.", "--data", "x.jsonl", "--model", "MODEL"], "one of FILE, --text and --data"),
        (["summarize", "--text", "A b.", "--output", "x", "--model", "MODEL"], "--output is for files"),
        (["summarize", "--text", "A b.", "--model", "MODEL", "--device", "cuda:9"], "there is no device 'cuda:9'"),
        (["evaluate", "--model", "MODEL", "--data", "nowhere"], "no corpus 'nowhere'"),
        (["evaluate", "--model", "MODEL", "--data", "harbour", "--split", "dev"], "it holds"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(model, capsys, arguments, message):
    code, out, err = run(capsys, *(str(model) if a == "MODEL" else a for a in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--k", "0", "at least 1"),
        ("--k", "two", "whole number"),
        ("--ratio", "2", "between"),
        ("--threshold", "nan", "0 and 1"),
    ],
)
def test_a_number_that_is_none_is_refused(capsys, option, value, words):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["summarize", "--text", "A.", "--model", "m", option, value])
    assert words in capsys.readouterr().err


def test_out_of_memory_names_the_option_to_lower(model, capsys, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("bertsum_lite.extractive.ExtractiveSummarizer.forward", full)
    code, _, err = run(capsys, "summarize", "--text", TEXT, "--model", model)
    assert code == 2
    assert "lower --tokens-per-batch" in err
    monkeypatch.setattr("bertsum_lite.extractive.ExtractiveSummarizer.forward", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["summarize", "--text", TEXT, "--model", str(model)])


def test_many_warnings_of_a_kind_are_one_line(model, capsys, tmp_path):
    rows = [json.dumps({"id": str(i), "text": "word " * 600 + ". End."}) for i in range(130)]
    output = tmp_path / "out.jsonl"
    _, _, err = run(
        capsys, "summarize", "--data", write(tmp_path / "a.jsonl", *rows), "--model", model, "--output", output
    )
    assert err.count("sentence longer than the encoder's window") <= 1
    assert len(err.splitlines()) <= 4


def test_help_and_version_are_quick_and_name_every_command():
    command = [sys.executable, "-X", "importtime", "-m", "bertsum_lite.cli"]
    help_text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "torch" not in help_text.stderr
    for name in ("train", "evaluate", "summarize", "label"):
        assert name in help_text.stdout
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("bertsum-lite 0.")


def test_the_output_is_utf8_everywhere(model):
    text = "渡轮停运。市议会保留夜班渡轮。"
    result = shell(
        f'bertsum-lite summarize --language zh --text "{text}" --model "{model}" --k 1', PYTHONIOENCODING="cp1252"
    )
    assert result.returncode == 0
    assert result.stdout.decode("utf-8").strip() in text


def test_a_reader_that_goes_away_is_no_error(trained):
    (trained / "many.jsonl").write_text((trained / "train.jsonl").read_text() * 500)  # more than a pipe holds
    result = shell(f'bertsum-lite label --data "{trained}/many.jsonl" | head -1')
    assert (result.stderr, len(result.stdout.splitlines()), result.returncode) == (b"", 1, 141)
