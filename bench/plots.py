"""The plots of docs/performance.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "perennial"  # the same picture for the same figures
import matplotlib.pyplot as plt  # noqa: E402  # after the choice of what it draws with

COLOURS = ("#0b6e4f", "#c1440e", "#3b5b92", "#8a6d1b")
DPI = 100


def draw(plot: dict[str, Any], folder: Path) -> Path:
    """Draw one as an SVG; gives its path."""
    figure, axes = plt.subplots(figsize=(7.2, 3.6), dpi=DPI)
    for colour, (name, points) in zip(COLOURS, plot["series"].items(), strict=False):
        axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    if plot["goal"] is not None:
        axes.axhline(plot["goal"], color="#777777", linestyle="--", linewidth=1, label="goal")
    if plot["logarithmic_x"]:
        axes.set_xscale("log")
        ticks = sorted({x for points in plot["series"].values() for x, _ in points})
        axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(plot["x"])
    axes.set_ylabel(plot["y"])
    axes.set_title(plot["title"], fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    path = folder / f"bench-{plot['name']}.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
