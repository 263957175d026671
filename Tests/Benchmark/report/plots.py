"""Plots: bars for comparisons, lines for curves over a number; each as PNG and SVG."""

import glob
import os

from measure.contest import OURS

from .text import figure as number

COLORS = {"plain routing": "#777777", "kernel VXLAN": "#aaaaaa"}
HIGHLIGHT, OTHERS = "#c8553d", "#5b8db8"


def refusal():
    """Why nothing can be drawn, or None."""
    try:
        import matplotlib
    except ImportError as error:
        return f"python3-matplotlib is missing ({error})"
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "warrens"
    return None


def draw(question, results, directory):
    """Draws what a question found; returns the names of the files by (parameter, unit)."""
    for stale in glob.glob(os.path.join(directory, f"{question.name}-*.png")):
        for path in (stale, stale.removesuffix("png") + "svg"):
            if os.path.exists(path):
                os.unlink(path)  # Of an earlier run, which may have drawn more.
    measured = [result for result in results if result["rounds"]]
    files = {}
    for number, ((parameter, unit), group) in enumerate(_figures(measured).items(), 1):
        painter = _lines if any("x" in result for result in group) else _bars
        files[parameter, unit] = _save(painter(question, parameter, unit, group), directory, f"{question.name}-{number}")
    return files


def _figures(results):
    groups = {}
    for result in results:
        groups.setdefault((result["parameter"], result["unit"]), []).append(result)
    return groups


def _panels(results):
    """One panel for each wire and family."""
    panels = {}
    for result in results:
        panels.setdefault((result["wire"], result["family"]), []).append(result)
    return panels


def _title(wire, family):
    return ", ".join(filter(None, [f"wire {wire}" if wire else "", f"IPv{family}" if family else ""]))


def _axes(panels, height):
    """A figure and an axis for each panel, two beside each other."""
    from matplotlib import pyplot

    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(5.2 * columns + 1, height * rows), squeeze=False, sharey="row"
    )
    for spare in axes.flat[len(panels):]:
        spare.set_visible(False)
    return figure, list(axes.flat[:len(panels)])


def _color(subject):
    return COLORS.get(subject, HIGHLIGHT if subject.startswith(OURS) else OTHERS)


def _bars(question, parameter, unit, results):
    panels = _panels(results)
    subjects = list(dict.fromkeys(result["subject"] for result in results))
    figure, axes = _axes(panels, 0.4 * len(subjects) + 1.4)
    for axis, ((wire, family), group) in zip(axes, panels.items()):
        values = {result["subject"]: result for result in group}
        for position, subject in enumerate(subjects):
            if not (result := values.get(subject)):
                continue
            middle = result["median"]
            whiskers = [[middle - result["min"]], [result["max"] - middle]]
            axis.barh(position, middle, color=_color(subject), xerr=whiskers, ecolor="#333333", capsize=2)
            axis.annotate(number(middle), (result["max"], position), xytext=(5, 0), textcoords="offset points",
                          va="center", fontsize=8)
        axis.set_yticks(range(len(subjects)), subjects)
        axis.set_title(_title(wire, family), fontsize=10)
        axis.set_xlabel(unit)
        axis.margins(x=0.12)  # Room for the numbers.
        axis.grid(axis="x", alpha=0.3)
    for axis in axes[::2]:  # The others of a row share this one's.
        axis.invert_yaxis()
    _head(figure, question, parameter, " (median, least and greatest)")
    return figure


def _lines(question, parameter, unit, results):
    panels = _panels(results)
    figure, axes = _axes(panels, 4)
    for axis, ((wire, family), group) in zip(axes, panels.items()):
        for subject in dict.fromkeys(result["subject"] for result in group):
            points = sorted((result["x"], result["median"], result["min"], result["max"])
                            for result in group if result["subject"] == subject)
            places, middles, lows, highs = zip(*points)
            line, = axis.plot(places, middles, marker="o", label=subject)
            axis.fill_between(places, lows, highs, color=line.get_color(), alpha=0.15)
        if group[0].get("xScale"):
            axis.set_xscale(group[0]["xScale"])
        axis.set_xlabel(group[0].get("xLabel", "x"))
        axis.set_ylabel(unit)
        axis.set_ylim(bottom=0)
        axis.set_title(_title(wire, family), fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    _head(figure, question, parameter)
    return figure


def _head(figure, question, parameter, more=""):
    figure.suptitle("\n".join(filter(None, [question.title, parameter + more])), fontsize=11)


def _save(figure, directory, name):
    from matplotlib import pyplot

    figure.tight_layout()
    files = [f"{name}.png", f"{name}.svg"]
    for file in files:
        figure.savefig(os.path.join(directory, file), dpi=110)
    pyplot.close(figure)
    return files
