"""The report of a run: results.json, report.md and a plot of every question, as PNG and SVG."""

import os

from . import json_report, markdown, plots
from .machine import facts


class Report:
    """Grows question by question and is written after each, so that a run that is cut short leaves what it found."""

    def __init__(self, bench, directory):
        self.bench, self.directory = bench, os.path.realpath(directory)
        self.machine = facts(bench)
        #: (question module, results, problem or None, file names of plots by (parameter, unit))
        self.chapters = []
        #: Why there are no plots, or None.
        self.no_plots = plots.refusal()
        os.makedirs(self.directory, exist_ok=True)

    @property
    def path(self):
        return os.path.join(self.directory, "report.md")

    def add(self, question, results, problem=None):
        drawn = {} if self.no_plots else plots.draw(question, results, self.directory)
        self.chapters.append((question, results, problem, drawn))

    @property
    def results(self):
        return [result for _, chapter, _, _ in self.chapters for result in chapter]

    def write(self):
        json_report.write(os.path.join(self.directory, "results.json"), self.results)
        json_report.write(os.path.join(self.directory, "machine.json"), self.machine)
        with open(self.path, "w") as file:
            file.write(markdown.render(self))
