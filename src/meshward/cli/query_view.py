"""What `query` shows."""

from collections.abc import Sequence

from rich.text import Text

from meshward.cli.durations import age_text
from meshward.cli.readings import short_name, value_text
from meshward.cli.tables import Cell, Column, print_table, print_text
from meshward.gateway.health_views import MetricView, QueryAnswer, QueryView
from meshward.text import printable

_BESIDE = (
    Column("id", right=True),
    Column("name", matters=8, flexible=True),
    Column("answer"),
    Column("age", right=True),
)
_TOTALS = (
    Column("of all"),
    Column("lowest", right=True),
    Column("at", right=True, matters=5),
    Column("median", right=True),
    Column("highest", right=True),
    Column("at", right=True, matters=5),
    Column("nodes", right=True, matters=6),
)
_HOW = {"asked": ("answered", "green"), "known": ("known", "dim"), "silent": ("silent", "bold red")}
_MATTERS_LEAST = 1
_MATTERS_MOST = 7

Catalogue = Sequence[MetricView]


def print_query(answer: QueryView, catalogue: Catalogue) -> None:
    """How much of the mesh it is about, a table of the answers, and what they come to."""
    style = "" if answer.coverage.answered == answer.coverage.nodes else "yellow"
    cached = " (answered to somebody else just now)" if answer.cached else f" (in {answer.took_s:.1f} s)"
    text = printable(answer.coverage.text)
    print_text(Text().append(text, style=style if answer.coverage.answered else "bold red").append(cached))
    if not answer.answers:
        return
    metrics = [metric for metric in catalogue if any(metric.name in one.metrics for one in answer.answers)]
    texts = sorted({name for one in answer.answers for name in one.texts})
    print_text("")
    print_table(columns(metrics, texts), [_row(one, metrics, texts) for one in in_order(answer.answers)])
    if totals := _totals(answer, metrics):
        print_text("")
        print_table(_TOTALS, totals)


def in_order(answers: Sequence[QueryAnswer]) -> list[QueryAnswer]:
    """Those that should have answered and did not first, then by id."""
    order = ("silent", "asked", "known")
    return sorted(answers, key=lambda one: (order.index(one.how), one.node))


def columns(metrics: Catalogue, texts: Sequence[str]) -> list[Column]:
    """A column for each value; those that come first in the catalogue stay longest."""
    made = [
        Column(short_name(metric.name), right=True, matters=max(_MATTERS_LEAST, _MATTERS_MOST - place))
        for place, metric in enumerate(metrics)
    ]
    return [*_BESIDE, *made, *(Column(short_name(name), matters=_MATTERS_LEAST) for name in texts)]


def _row(one: QueryAnswer, metrics: Catalogue, texts: Sequence[str]) -> list[Cell]:
    word, style = _HOW[one.how]
    dim = "" if one.answered else "dim"
    values: list[Cell] = []
    for metric in metrics:
        reading = one.metrics.get(metric.name)
        values.append(Text("" if reading is None else value_text(reading.value, metric.unit), style=dim))
    told: list[Cell] = [one.texts.get(name, "") for name in texts]
    age = age_text(one.age_s)
    return [str(one.node), one.name, Text(word, style=style), Text(age, style=dim), *values, *told]


def _totals(answer: QueryView, metrics: Catalogue) -> list[list[Cell]]:
    """Rows for values that more than one node told."""
    rows: list[list[Cell]] = []
    for metric in metrics:
        total = answer.totals.get(metric.name)
        if total is not None and total.count > 1:
            low, median, high = (
                value_text(value, metric.unit) for value in (total.low, total.median, total.high)
            )
            rows.append(
                [
                    short_name(metric.name),
                    low,
                    str(total.lowest),
                    median,
                    high,
                    str(total.highest),
                    str(total.count),
                ]
            )
    return rows
