"""How far a benchmark is and how long the rest may take."""

import statistics


def progress(results, cell, cells, jobs):
    """A line about a cell that has just finished and the time that is left.

    A cell is expected to take as long as the finished ones of its data set and method; if there
    are none, as those of its data set; if there are none, as all, and the line says how many
    cells are guessed like that.
    """
    row = results.lines[cell.name]
    done = [one for one in cells if results.has(one)]
    left = [one for one in cells if not results.has(one)]
    line = (
        f"[{len(done)}/{len(cells)}] {cell.name}: macro-F1 {row['test']['macro_f1']:.4f}, "
        f"{duration(row['seconds'])}"
    )
    return f"{line}; {time_left(results.lines, done, left, jobs)}" if left else line


def time_left(lines, done, left, jobs):
    """The expected time of the cells that are left, in words.

    Args:
        lines: Results by cell name, with `seconds`.
        done: Cells that have a line; at least one.
        left: Cells that have none; at least one.
        jobs: Cells side by side. No more are than are left, and the longest bounds the rest.
    """
    expected = [_expected(lines, cell, done) for cell in left]
    seconds = max(sum(expected) / jobs, *expected)
    timed = {cell.dataset for cell in done}
    guessed = sum(cell.dataset not in timed for cell in left)
    text = f"about {duration(seconds)} left"
    return f"{text} ({guessed} cells guessed from other data sets)" if guessed else text


def _expected(lines, cell, done):
    for alike in (
        lambda one: (one.dataset, one.method) == (cell.dataset, cell.method),
        lambda one: one.dataset == cell.dataset,
        lambda one: True,
    ):
        known = [lines[one.name]["seconds"] for one in done if alike(one)]
        if known:
            return statistics.mean(known)


def duration(seconds):
    """Seconds as "3 h 05 min", "12 min" or "40 s"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
