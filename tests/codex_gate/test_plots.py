import math
import re
from datetime import UTC, datetime

import pytest

from codex_gate import plots

UNIT = plots.share_axis("x")


def numbers(svg: str, name: str) -> list[float]:
    return [float(v) for v in re.findall(rf'\b{name}="([-\d.]+)"', svg)]


def test_a_line_goes_from_corner_to_corner() -> None:
    svg = plots.chart("t", UNIT, UNIT, [plots.Line([(0, 0), (1, 1)])])
    found = re.search(r'<polyline points="([^"]+)"', svg)
    assert found is not None
    first, last = ([float(v) for v in point.split(",")] for point in found[1].split())
    assert first[0] == 0 and last[1] == 0  # left edge, and the top
    assert last[0] == plots.WIDTH - 48 - 20 and first[1] == plots.HEIGHT - 12 - 42


def test_values_outside_stay_on_the_plot() -> None:
    svg = plots.chart("t", UNIT, UNIT, [plots.Dots([(-1, 2)])])
    assert 'cx="0" cy="0"' in svg


def test_bars_are_as_high_as_their_values() -> None:
    svg = plots.chart("t", plots.place_axis("", ["a", "b"]), UNIT, [plots.Bars([(-0.4, 0.4, 1.0), (0.6, 1.4, 0.5)])])
    high, low = [float(h) for h in re.findall(r'<rect [^>]*height="([\d.]+)"', svg)]
    assert high == pytest.approx(2 * low)


def test_horizontal_bars_share_one_scale_and_fit() -> None:
    svg = plots.bars("t", [("first", 2.0, "2"), ("second", 1.0, "1"), ("none", 0.0, "0")])
    long, half, none = [float(w) for w in re.findall(r'<rect [^>]*width="([\d.]+)"', svg)]
    assert long == pytest.approx(2 * half, abs=0.1)
    assert none < 1
    assert max(x + w for x, w in zip([float(x) for x in re.findall(r'<rect x="([\d.]+)"', svg)], [long, half, none], strict=True)) < plots.WIDTH


def test_bars_without_rows_are_empty_and_whole() -> None:
    assert plots.bars("t", []).endswith("</svg>")


def test_heat_tints_by_strength() -> None:
    svg = plots.heat("t", ["r"], ["c", "d"], [[(0.0, "1|2 %"), (1.0, "3")]])
    assert [float(v) for v in re.findall(r'fill-opacity="([\d.]+)"', svg)] == [0.08, 0.68]
    assert ">1</text>" in svg and ">2 %</text>" in svg and ">3</text>" in svg


@pytest.mark.parametrize(
    ("high", "ticks"),
    [
        (1.0, ["0 %", "25 %", "50 %", "75 %", "100 %"]),
        (0.5, ["0 %", "20 %", "40 %"]),
        (0.2, ["0 %", "5 %", "10 %", "15 %", "20 %"]),
    ],
)
def test_share_axis_ticks_at_round_numbers(high: float, ticks: list[str]) -> None:
    assert [text for _, text in plots.share_axis("", high).ticks] == ticks


def test_share_top_is_round_and_holds_all() -> None:
    assert plots.share_top([0.31, 0.12]) == pytest.approx(0.4)
    assert plots.share_top([0.99, 0.2]) == 1.0
    assert plots.share_top([]) == pytest.approx(0.1)


def test_as_many_places_are_named_as_there_is_room_for() -> None:
    axis = plots.place_axis("", [f"2024-{m:02}" for m in range(1, 13)])
    assert axis.ticks[0] == (0.0, "2024-01") and 2 < len(axis.ticks) < 12
    assert len(plots.place_axis("", ["a"]).ticks) == 1


def test_text_is_escaped_everywhere() -> None:
    bad = "<b>&\"'"
    marks = [plots.Line([(0, 0)], bad), plots.Dots([(0, 0)], [bad], bad), plots.Bars([(0, 1, 1)], [bad], bad)]
    axis = plots.Axis(bad, 0, 1, ((0.0, bad),))
    made = [
        plots.chart(bad, axis, axis, marks),
        plots.legend(marks),
        plots.bars(bad, [(bad, 1.0, bad)]),
        plots.heat(bad, [bad], [bad], [[(0.5, bad)]]),
    ]
    for svg in made:
        assert "<b>" not in svg and "&lt;b&gt;&amp;" in svg


def test_only_named_marks_are_in_the_legend() -> None:
    assert plots.legend([plots.Line([]), plots.Whiskers([])]) == ""
    assert plots.legend([plots.Line([], "one"), plots.Line([])]).count("<li>") == 1


def test_span_is_inside_its_cell_and_says_its_numbers() -> None:
    svg = plots.span(0.8, 0.3, 0.9, plots.Axis("", 0.4, 1.0, ()), 0.5)
    assert "0.800, 0.300 to 0.900" in svg
    assert min(numbers(svg, "x1")) >= 4 and max(numbers(svg, "x2")) <= 116


@pytest.mark.parametrize(
    ("last", "names"),
    [
        ((1970, 1, 31), ["1970-01", "1970-01"]),
        ((1972, 12, 31), ["1970-01", "1972-12"]),  # 36 months
        ((1973, 1, 1), ["1970-Q1", "1973-Q1"]),
        ((1979, 12, 31), ["1970-Q1", "1979-Q4"]),  # 40 quarters
        ((1980, 1, 1), ["1970", "1980"]),
    ],
)
def test_periods_are_months_quarters_or_years(last: tuple[int, int, int], names: list[str]) -> None:
    assert plots.period_names([0, datetime(*last, tzinfo=UTC).timestamp()]) == names


def test_every_period_between_the_first_and_the_last_is_named() -> None:
    assert plots.every_period(["2023-11", "2024-02"]) == ["2023-11", "2023-12", "2024-01", "2024-02"]
    assert plots.every_period(["2023-Q3", "2024-Q2", "2023-Q4"]) == ["2023-Q3", "2023-Q4", "2024-Q1", "2024-Q2"]
    assert plots.every_period(["2024", "2021"]) == ["2021", "2022", "2023", "2024"]
    assert plots.every_period(["2024-12"]) == ["2024-12"]


def test_a_period_can_be_asked_for() -> None:
    when = datetime(2024, 12, 31, tzinfo=UTC).timestamp()
    assert [plots.period_names([when], by)[0] for by in ("month", "quarter", "year")] == ["2024-12", "2024-Q4", "2024"]


def test_a_line_is_broken_where_a_value_is_unknown_and_single_points_are_seen() -> None:
    points = [(0.0, math.nan), (1.0, 0.1), (2.0, 0.2), (3.0, math.nan), (4.0, math.nan), (5.0, 0.3)]
    marks = plots.broken(points, list("abcdef"), "name")
    lines = [mark for mark in marks if isinstance(mark, plots.Line)]
    assert [list(line.points) for line in lines] == [[(1.0, 0.1), (2.0, 0.2)], [(5.0, 0.3)]]
    assert isinstance(marks[-1], plots.Dots) and list(marks[-1].tips) == ["b", "c", "f"]
    assert plots.legend(marks).count("<li>") == 1
    assert plots.legend(plots.broken([(0.0, math.nan)], [""], "name")).count("<li>") == 1  # the name stays where all is unknown


def test_strips_leave_gaps_and_mark_what_is_above_the_limit() -> None:
    axis = plots.place_axis("", ["x", "y", "z"])
    svg = plots.strips("t", ["<first>"], axis, [[(0.5, "a <tip>"), None, (1.2, "")]])
    near, over = re.findall(r'<rect [^>]*class="fill (\w+)" fill-opacity="([\d.]+)"', svg)
    assert near == ("a", "0.40") and over == ("b", "1.00")
    assert "&lt;first&gt;" in svg and "<title>a &lt;tip&gt;</title>" in svg
    boxes = [(float(x), float(w)) for x, w in re.findall(r'<rect x="([\d.]+)"[^>]*width="([\d.]+)"', svg)]
    assert boxes[0][1] == boxes[1][1] and boxes[1][0] + boxes[1][1] < plots.WIDTH
    assert boxes[1][0] - boxes[0][0] == pytest.approx(2 * (boxes[0][1] + 1), abs=0.2)  # the gap in the middle is as wide as a cell
    axis = plots.place_axis("", plots.every_period(["2019-Q3", "2026-Q3"]))
    crowded = plots.strips("t", ["a long name of a row"], axis, [[None] * 29])
    shown = len(re.findall(r'class="mid faint"', crowded))
    assert shown > 1 and shown < len(axis.ticks)  # the long name leaves less room for them, so some are left out


@pytest.mark.parametrize("n", [1, 6, 17, 36])
def test_every_label_below_strips_lies_inside_of_the_plot(n: int) -> None:
    names = plots.every_period(["2016-01", f"{2016 + (n - 1) // 12}-{(n - 1) % 12 + 1:02}"])
    svg = plots.strips("t", ["x", "top-level directories"], plots.place_axis("", names), [[None] * n] * 2)
    labels = re.findall(r'<text x="([\d.]+)" y="\d+" class="mid faint">([^<]*)</text>', svg)
    assert labels and all(len(text) * 6.6 / 2 <= float(x) <= plots.WIDTH - len(text) * 6.6 / 2 for x, text in labels)
    ends = re.findall(r'<text x="([\d.]+)" y="\d+" class="end">([^<]*)</text>', svg)
    assert all(float(x) >= len(text) * 6.6 for x, text in ends)
