"""Numbers and tables as Markdown."""


def figure(value, digits=3):
    """A number with three significant digits, never in scientific notation."""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text
    return f"{value:,.0f}" if abs(value) > 1 else f"{value:.6f}".rstrip("0")


def spread_text(spread, digits=3):
    """A median with its range: `3.1 (2.9–3.4)`."""
    if not spread or spread["median"] is None:
        return ""
    middle, low, high = (figure(spread[key], digits) for key in ("median", "min", "max"))
    return f"{middle} ({low}–{high})" if low != high else middle


def align(headings, text=1):
    """The first `text` columns to the left, numbers to the right."""
    return ["---" if index < text else "---:" for index in range(len(headings))]


def table(headings, rows, alignment=None):
    alignment = alignment or ["---"] * len(headings)
    lines = [headings, alignment, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
