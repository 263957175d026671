#!/usr/bin/env python3
"""Measures Warrens beside its peers and writes a report: see README.md, and `hack/bench`, which installs what this needs."""

import argparse
import os
import sys
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../EndToEnd")]

from bench import Bench  # noqa: E402
from measure import cpu  # noqa: E402
from measure.contest import REFERENCE  # noqa: E402
from questions import every_question  # noqa: E402
from report import Report  # noqa: E402
from subjects import every_subject  # noqa: E402


def words(text):
    return [word.strip() for word in text.split(",") if word.strip()]


def arguments(questions, subjects):
    parser = argparse.ArgumentParser(prog="hack/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ten minutes: ADD and DEL, point-to-point throughput")
    parser.add_argument("--only", type=words, default=[], metavar="QUESTION,…", help=", ".join(questions))
    parser.add_argument("--subjects", type=words, default=[], metavar="SUBJECT,…",
                        help=", ".join(subject.key for subject in subjects) + "; plain is always there")
    parser.add_argument("--wires", type=words, default=["S", "M"], help="S, M or S,M")
    parser.add_argument("--rounds", type=int, help="overrules the number of rounds of every measurement")
    parser.add_argument("--seconds", type=int, default=2, help="length of one measurement, whole seconds (2)")
    parser.add_argument("--output", default=os.path.join(HERE, "../../bench-results"), metavar="DIRECTORY",
                        help="where the report goes (bench-results)")
    chosen = parser.parse_args()
    for given, known, what in (
        (chosen.only, list(questions), "question"),
        (chosen.subjects, [subject.key for subject in subjects], "subject"),
        (chosen.wires, ["S", "M"], "wire"),
    ):
        if unknown := [word for word in given if word not in known]:
            parser.error(f"no such {what}: {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


def main():
    questions, subjects = every_question(), every_subject()
    chosen = arguments(questions, subjects)
    if chosen.subjects:
        subjects = [subject for subject in subjects if subject.name == REFERENCE or subject.key in chosen.subjects]
    names = chosen.only or [name for name, question in questions.items() if question.quick or not chosen.quick]
    bench = Bench(subjects, quick=chosen.quick, seconds=chosen.seconds, rounds=chosen.rounds, wires=tuple(chosen.wires))
    report = Report(bench, chosen.output)
    cpu.sweep()
    bench.find_subjects()
    failed = False
    for name in names:
        results, problem = [], None
        try:
            for result in questions[name].run(bench):
                results.append(result)
        except Exception:
            # One question's mistake must not cost the answers of the others; it is told in the report and by the exit code.
            problem = traceback.format_exc()
            print(problem, file=sys.stderr)
            failed = True
        except KeyboardInterrupt:
            problem, failed = "interrupted", True
        report.add(questions[name], results, problem)
        report.write()
        if problem == "interrupted":
            break
    bench.say(f"done: {report.path}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
