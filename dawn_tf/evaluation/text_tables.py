"""Tables of results as text, for a README or a paper: means ± deviations, the best, the tied."""

from dawn_tf.evaluation.comparison import lower_is_better
from dawn_tf.evaluation.section import SCORES

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "≥": r"$\geq$",
    "↓": r"$\downarrow$",
}


def markdown(sections):
    """A table for each data set; the best bold, what is tied with it marked `≈`."""
    return "\n".join(_markdown(section) for section in sections)


def _markdown(section):
    def cell(key, method):
        entry = section.columns[key].entries.get(method)
        if entry is None:
            return "–"
        text = mean(key, entry)
        return f"**{text}**" if entry.best else f"{text} ≈" if entry.tied else text

    head = ["Method", "Seeds", *(score_title(key) for key in section.columns)]
    lines = [
        f"### {_plain(section.dataset)}",
        "",
        _row(head),
        _row([":---", *["---:"] * (len(head) - 1)]),
    ]
    for method in section.methods:
        cells = [cell(key, method) for key in section.columns]
        lines.append(_row([_plain(method), str(len(section.of(method))), *cells]))
    note = legend(section, "**bold**: best mean; ≈:")
    return "\n".join([*lines, "", _plain(note, "<>|") if note else "", ""])


def latex(sections):
    """A `table` for each data set; needs the package booktabs. Best bold, tied `$\\approx$`."""
    return "\n".join(_latex(section) for section in sections)


def _latex(section):
    def cell(key, method):
        entry = section.columns[key].entries.get(method)
        if entry is None:
            return "--"
        text = escape_latex(mean(key, entry) + " ≈" * bool(entry.tied and not entry.best))
        return rf"\textbf{{{text}}}" if entry.best else text

    keys = list(section.columns)
    note = legend(section, "Bold: best mean; ≈:")
    caption = f"{section.dataset}: test part, mean ± deviation over seeds. {note}"
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(caption)}}}",
        rf"\begin{{tabular}}{{lr{'r' * len(keys)}}}",
        r"\toprule",
        " & ".join(["Method", "Seeds", *(escape_latex(score_title(key)) for key in keys)]) + r" \\",
        r"\midrule",
    ]
    for method in section.methods:
        cells = [cell(key, method) for key in keys]
        row = [escape_latex(method), str(len(section.of(method))), *cells]
        lines.append(" & ".join(row) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def mean(key, entry):
    """Mean and, over two seeds or more, sample deviation of an `Entry`; errors to four digits."""
    digits = 4 if lower_is_better(key) else 3
    deviation = "" if entry.deviation is None else f" ± {entry.deviation:.{digits}f}"
    return f"{entry.mean:.{digits}f}{deviation}"


def legend(section, marks):
    """What the marks of a section's table mean, or that there are none."""
    tests = list(dict.fromkeys(c.test for c in section.columns.values() if c.test))
    if any(entry.best for c in section.columns.values() for entry in c.entries.values()):
        tied = f" not shown to differ from it (Holm-corrected p ≥ 0.05; {'; '.join(tests)})"
        return marks + (tied if tests else " none was tested") + "."
    if len(section.methods) > 1:
        return "Fewer than two methods have two seeds: nothing was tested, none is called best."
    return ""


def escape_latex(text):
    """`text` without a meaning for LaTeX."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def score_title(key):
    """Name of a score, with an arrow where less is better."""
    return f"{SCORES[key]} ↓" if lower_is_better(key) else SCORES[key]


def _row(cells):
    return f"| {' | '.join(cells)} |"


def _plain(text, special="\\`*_{}[]<>#|~"):
    """`text` without a meaning for Markdown, on one line."""
    return "".join(f"\\{c}" if c in special else c for c in " ".join(text.split()))
