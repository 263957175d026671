"""The results for programs: an array of objects, whose members README.md lists."""

import json
import os


def write(path, value):
    """Replaces a file as a whole, so that a reader never sees half of it."""
    with open(path + ".new", "w") as file:
        json.dump(rounded(value), file, indent=1)
        file.write("\n")
    os.rename(path + ".new", path)


def rounded(value):
    """Numbers with six significant digits: more would be noise."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value
