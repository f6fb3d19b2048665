"""The page of measurements says what was measured."""

from docs.chart import Bar, Panel, svg
from docs.make_performance import CHART, PAGE, chart, measured, page


def test_the_page_is_in_step_with_the_results():
    """The page and its chart are those that the kept results come to."""
    fleet, peers = measured()

    assert PAGE.read_text("utf-8") == page(fleet, peers)
    assert CHART.read_text("utf-8") == chart(peers)


def test_bars_are_as_long_as_their_values():
    """The longest bar fills the panel, one of half the value is half as long."""
    panel = Panel("t", [Bar("<a>", 10.0), Bar("b", 5.0)])

    picture = svg("d", [panel])

    assert 'width="470.0"' in picture
    assert 'width="235.0"' in picture
    assert "&lt;a&gt;" in picture
