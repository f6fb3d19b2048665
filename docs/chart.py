"""
Bar charts as SVG, without any library.

The colours are halfway between dark and light, so that one picture can be
read on either background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from msgspec import Struct

_TEXT = "#6f7a86"
_OURS = "#2f81f7"
_OTHERS = "#8b949e"
_WIDTH = 760
_LABELS = 190  # pixels left of the bars
_BARS = 470  # pixels of the longest bar
_ROW = 24
_BAR = 14
_TITLE = 34


class Bar(Struct, frozen=True):
    """One bar; *ours* stands out."""

    label: str
    value: float
    ours: bool = False


class Panel(Struct, frozen=True):
    """Bars that share a scale, under a title."""

    title: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """How many pixels the panel takes."""
        return _TITLE + _ROW * len(self.bars) + _ROW // 2


def svg(description: str, panels: Sequence[Panel]) -> str:
    """Return the picture: one panel below the other."""
    height = sum(panel.height for panel in panels)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" '
        f'fill="{_TEXT}">\n<title>{escape(description)}</title>\n'
    )
    lines: list[str] = []
    top = 0
    for panel in panels:
        lines += _panel(panel, top)
        top += panel.height
    return head + "".join(f"{line}\n" for line in lines) + "</svg>\n"


def number(value: float) -> str:
    """Return *value* with as many digits as one can read something from."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _panel(panel: Panel, top: int) -> Iterator[str]:
    yield f'<text x="0" y="{top + 20}" font-weight="600">{escape(panel.title)}</text>'
    most = max(bar.value for bar in panel.bars)
    for place, bar in enumerate(panel.bars):
        yield from _bar(bar, _BARS * bar.value / most, top + _TITLE + _ROW * place)


def _bar(bar: Bar, width: float, top: int) -> Iterator[str]:
    colour = _OURS if bar.ours else _OTHERS
    middle = top + _ROW / 2 + 4.5
    label = f'x="{_LABELS - 10}" y="{middle}" text-anchor="end"'
    yield f"<text {label}>{escape(bar.label)}</text>"
    at = f'x="{_LABELS}" y="{top + (_ROW - _BAR) / 2}"'
    yield f'<rect {at} width="{max(width, 1):.1f}" height="{_BAR}" rx="2" fill="{colour}"/>'
    yield f'<text x="{_LABELS + width + 8:.1f}" y="{middle}">{number(bar.value)}</text>'
