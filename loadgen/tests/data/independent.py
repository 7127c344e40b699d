"""Reads our interval log and writes one of its own, by PyPI hdrhistogram. See README.md beside it."""

import pathlib

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader, HistogramLogWriter

HERE = pathlib.Path(__file__).parent
# Those that fall on whole samples of 800: between two, libraries round differently.
PERCENTILES = [0, 25, 50, 75, 90, 99, 99.5, 100]
HOUR = 3_600_000_000_000


def empty():
    return HdrHistogram(1, HOUR, 3)


def describe(name, reader):
    """A line an interval; returns the intervals."""
    intervals = []
    with open(HERE / name, "w") as out:
        while histogram := reader.get_next_interval_histogram():
            start = histogram.get_start_time_stamp() / 1000 - reader.base_time_sec
            length = (histogram.get_end_time_stamp() - histogram.get_start_time_stamp()) / 1000
            values = [histogram.get_value_at_percentile(p) for p in PERCENTILES]
            row = [histogram.get_tag() or "-", f"{start:.3f}", f"{length:.3f}"]
            row += [histogram.get_total_count(), histogram.get_min_value(), histogram.get_max_value()]
            print(*row, *values, sep="\t", file=out)
            intervals.append(histogram)
    return intervals


intervals = describe("ours.tsv", HistogramLogReader(str(HERE / "ours.hlog"), empty()))
total = empty()
for histogram in intervals:
    if histogram.get_tag() == "h1.response":
        total.add(histogram)
with open(HERE / "independent.hgrm", "wb") as out:
    total.output_percentile_distribution(out, 1e6)
# The value up to which there are as many samples as each line of our text says.
with open(HERE / "ours.hgrm") as text, open(HERE / "ours-hgrm.tsv", "w") as out:
    for line in text.readlines()[2:]:
        if not line.startswith("#"):
            count = int(line.split()[2])
            value = total.get_value_at_percentile(100 * count / total.get_total_count())
            print(count, f"{value / 1e6:.6f}", sep="\t", file=out)

with open(HERE / "independent.hlog", "w") as out:
    writer = HistogramLogWriter(out)
    writer.output_log_format_version()
    writer.output_base_time(1_700_000_000_000)
    writer.output_legend()
    for second in range(3):
        histogram = empty()
        for number in range(400):
            histogram.record_value(1_000 + number * number * (second + 1) * 97, 1 + number % 3)
        histogram.record_value(1_000)
        start = 1_000 * second
        writer.output_interval_histogram(histogram, start / 1000 or 1e-9, (start + 1_000) / 1000)
describe("independent.tsv", HistogramLogReader(str(HERE / "independent.hlog"), empty()))
