"""The report for people."""

import os
import statistics
import time

from measure.contest import OURS, REFERENCE
from measure.wire import WIRES
from questions.kernel import RIVAL

from . import claims
from .machine import version
from .text import align, figure, spread_text, table

#: Members of results that compare them with one subject: the heading, and that subject.
COMPARISONS = {
    "ratioToPlain": ("of plain", REFERENCE),
    "warrensOver": ("Warrens ×", OURS),
    "ratioToRival": ("of VXLAN", RIVAL),
    "priceToRival": ("price of VXLAN", RIVAL),
}
HOW_TO_READ = """
Every number is the median of interleaved rounds (A, B, C, B, C, A, …), with the least and the greatest round in brackets.
*of plain* is the median of the ratios to plain routing **within the same round**, with their least and greatest;
*Warrens ×* says likewise how many times the figure of Warrens tun is that of the row. Ratios travel better than absolute
numbers: the machine is shared, and client, server and both nodes run on its cores. All samples are in `results.json`,
and what is measured how is in `Tests/Benchmark/README.md`.
"""


def render(report):
    bench = report.bench
    parts = [f"# Benchmark of {report.machine['date']}", machine(report), "## What is compared", subjects(bench)]
    parts += ["## Wires", "\n".join(f"- **{wire}**: {WIRES[wire]}" for wire in bench.wires)]
    parts += ["## How to read this", HOW_TO_READ.strip()]
    parts.append(disturbance(bench, report.results))
    if held := claims.render(report.results):
        parts += ["## Claims", held]
    if report.no_plots:
        parts.append(f"There are no plots: {report.no_plots}.")
    for chapter in report.chapters:
        parts += render_chapter(bench, *chapter)
    return "\n\n".join(parts) + "\n"


def disturbance(bench, results):
    """How much others used the machine: figures of a machine that was not quiet are of little use."""
    loads = [result["foreignLoad"] for result in results if result.get("foreignLoad") is not None]
    if not loads:
        return "Foreign load was not measured."
    return (
        f"While rows were measured, others kept {figure(statistics.median(loads), 2)} of {os.cpu_count()} processors busy "
        f"(median of all rows; the most disturbed row: {figure(max(loads), 2)}). Softirqs on top of idle processors and of "
        "other processes count in here, too: some hundredths are no disturbance."
    )


def machine(report):
    minutes = (time.monotonic() - report.bench.begin) / 60
    facts = {**report.machine, "took": f"{minutes:.0f} minutes"}
    return table(["", ""], [[name, str(value)] for name, value in facts.items()])


def subjects(bench):
    rows = []
    for subject in bench.subjects:
        versions = bench.versions.get(subject.name) or ", ".join(filter(None, map(version, subject.packages)))
        state = f"**not compared**: {bench.refused[subject.name]}" if subject.name in bench.refused else versions
        rows.append([subject.name, subject.about, "yes" if subject.encrypted else "no", state])
    return table(["subject", "what it is", "encrypts", "version"], rows)


def render_chapter(bench, question, results, problem, plots):
    parts = [f"## {question.title}", question.about.strip().format(seconds=bench.seconds)]
    if problem:
        parts.append(f"**This question broke off; what it had found until then follows.**\n\n```\n{problem.strip()}\n```")
    for (parameter, unit), group in grouped(results, "parameter", "unit").items():
        parts += [f"### {parameter}"] if parameter else []
        if unit is None:
            parts += problems(group)  # Subjects that did not come up at all.
            continue
        families = grouped(group, "family")
        for (family,), rows in families.items():
            parts += [f"IPv{family}:" if family else "Both families:"] if any(key != (None,) for key in families) else []
            parts.append(comparison(rows, getattr(question, "columns", [])))
            parts += problems(rows)
        parts += [f"![{parameter or question.title}]({file})" for file in plots.get((parameter, unit), []) if file.endswith(".svg")]
    return parts


def grouped(results, *members):
    """Results by the values of some members, in the order of their first appearance."""
    groups = {}
    for result in results:
        groups.setdefault(tuple(result[member] for member in members), []).append(result)
    return groups


def comparison(results, columns):
    """One table: a row for each subject (and x, if it is a curve), and for each wire what was found there."""
    wires = list(dict.fromkeys(result["wire"] for result in results))
    unit = results[0]["unit"]
    shown = [column for column in columns if any(column[0] in result for result in results)]
    curve = any("x" in result for result in results)
    compared = {key: any(key in result for result in results) for key in COMPARISONS}
    priced = any(result["cpuSecondsPerGB"] is not None for result in results)

    headings = ["subject"] + ([results[0].get("xLabel", "x")] if curve else [])
    for wire in wires:
        prefix = f"{wire}: " if wire and len(wires) > 1 else ""
        headings += [prefix + unit] + [prefix + column[1] for column in shown]
        headings += [prefix + heading for key, (heading, _) in COMPARISONS.items() if compared[key]]
        headings += [prefix + "CPU s/GB"] * priced
    rows = []
    for (subject, x), own in rows_of(results).items():
        row = [name(own[0])] + ([figure(x)] if curve else [])
        for wire in wires:
            found = next((result for result in own if result["wire"] == wire), None)
            row += cells(found, shown, compared, priced)
        rows.append(row)
    return table(headings, rows, align(headings, text=1))


def rows_of(results):
    rows = {}
    for result in results:
        rows.setdefault((result["subject"], result.get("x")), []).append(result)
    return rows


def name(result):
    text = result["subject"] + (" (encrypts)" if result.get("encrypted") else "")
    return f"**{text}**" if result["subject"] == OURS else text


def cells(result, columns, compared, priced):
    """What one row shows of one wire."""
    count = 1 + len(columns) + sum(compared.values()) + priced
    if result is None:
        return [""] * count
    if not result["rounds"]:
        return ["not measured"] + [""] * (count - 1)
    row = [spread_text(result)]
    row += [column[2].format(result[column[0]]) if result.get(column[0]) is not None else "" for column in columns]
    for key, (_, other) in COMPARISONS.items():
        if compared[key]:
            row.append("1" if result["subject"] == other else spread_text(result.get(key), digits=2))
    if priced:
        price = result["cpuSecondsPerGB"]
        row.append("" if price is None else figure(price))
    return row


def problems(results):
    """Why rows are empty, and which rounds failed."""
    lines = [
        f"- {result['subject']}{on(result)}: not measured: {result['reason']}" for result in results if "reason" in result
    ] + [
        f"- {result['subject']}{on(result)}: {len(result['failures'])} rounds failed, such as: {result['failures'][0]}"
        for result in results if result.get("failures")
    ]
    return ["\n".join(lines)] if lines else []


def on(result):
    return f" on wire {result['wire']}" if result["wire"] else ""
