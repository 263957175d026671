"""Adds up test reports, JUnit's XML or run.py's JSON, and prints `PASSED FAILED SKIPPED`."""

import json
import sys
import xml.etree.ElementTree as ElementTree


def counts(path):
    if path.endswith(".json"):
        with open(path) as file:
            report = json.load(file)
        return report["passed"], len(report["failed"]), len(report["skipped"])
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return len(cases) - failed - skipped, failed, skipped


print(*(sum(column) for column in zip(*map(counts, sys.argv[1:]))))
