"""The figures as one SVG: a block for each work, a bar for each contender, a line from least to greatest."""

from collections.abc import Sequence
from html import escape

from benchmarks.contest.figure import Figure, to_figure
from benchmarks.contest.report import Result
from benchmarks.contest.sample import Unit

_WIDTH, _LEFT, _RIGHT = 900, 230, 150
_TOP, _BAR, _GAP, _TITLE = 64, 18, 6, 26
_COLOURS = ("#4269d0", "#efb118", "#3ca951", "#ff725c", "#a463f2", "#9c6b4e", "#6cc5b0", "#97bbf5")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.t{font-weight:600}.s{fill:#666}"
    ".h{font-size:18px;font-weight:600}.w{stroke:#222;stroke-width:1.2}"
)


def to_svg(results: Sequence[Result], *, title: str, subtitle: str) -> str:
    """Draw the works that have figures. Bars compare within a work only: each has its own scale."""
    colours: dict[str, str] = {}
    body: list[str] = []
    top = _TOP
    for result in results:
        figures = _figures(result)
        if figures:
            body += _block(result, figures, top, colours)
            top += _TITLE + len(figures) * (_BAR + _GAP) + 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{top}" fill="#fff"/>',
        f'<text class="h" x="20" y="28">{escape(title)}</text>',
        f'<text class="s" x="20" y="48">{escape(subtitle)}</text>',
    )
    return "\n".join([*head, *body, "</svg>\n"])


def _figures(result: Result) -> dict[str, Figure]:
    found = {
        name: None if outcome.problem else to_figure(outcome.samples, result.work.unit)
        for name, outcome in result.outcomes.items()
    }
    return {name: figure for name, figure in found.items() if figure}


def _block(result: Result, figures: dict[str, Figure], top: int, colours: dict[str, str]) -> list[str]:
    unit = result.work.unit
    better = "more is better" if unit.more_is_better else "less is better"
    lines = [
        f'<text class="t" x="20" y="{top + 14}">{escape(result.work.title)}'
        f'<tspan class="s" font-weight="400"> {unit}, {better}</tspan></text>'
    ]
    greatest = max(figure.greatest for figure in figures.values())
    scale = (_WIDTH - _LEFT - _RIGHT) / greatest if greatest else 0.0
    for place, (name, figure) in enumerate(figures.items()):
        colour = colours.setdefault(name, _COLOURS[len(colours) % len(_COLOURS)])
        lines += _bar(name, figure, unit, y=top + _TITLE + place * (_BAR + _GAP), scale=scale, colour=colour)
    return lines


def _bar(name: str, figure: Figure, unit: Unit, *, y: int, scale: float, colour: str) -> list[str]:
    middle = y + _BAR / 2
    width = figure.middle * scale
    left, right = _LEFT + figure.least * scale, _LEFT + figure.greatest * scale
    value = f"{figure.middle:,.0f}" if figure.middle >= 100 else f"{figure.middle:.1f}"
    return [
        f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{colour}"/>',
        f'<line class="w" x1="{left:.1f}" x2="{right:.1f}" y1="{middle}" y2="{middle}"/>',
        f'<text x="{right + 8:.1f}" y="{y + 14}">{value} {unit}</text>',
    ]
