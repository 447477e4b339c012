"""tiers, the package, plots."""

import subprocess
import sys

import pytest

from bertsum_lite.tiers import CPU, GPU, tier

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
