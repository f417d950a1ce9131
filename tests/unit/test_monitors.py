"""Several monitors: what is drawn on one, and where things are, in real pixels."""

from PySide6.QtCore import QRect, QRectF

from classroom_app.presenters.monitors import nearest, real, region, side

LEFT = QRect(-1920, 0, 1920, 1080)
MAIN = QRect(0, 0, 1280, 720)  # 2560x1440 at a ratio of 2
BELOW = QRect(300, 1440, 800, 600)


def test_a_region_left_of_the_main_screen_is_below_zero() -> None:
    assert region(LEFT, 1.0, QRectF(20, 30, 400, 300)) == QRect(-1900, 30, 400, 300)


def test_a_dense_screen_gives_its_real_pixels_and_keeps_its_corner() -> None:
    assert real(MAIN, 2.0) == QRect(0, 0, 2560, 1440)
    assert region(MAIN, 2.0, QRectF(10, 20, 100, 50)) == QRect(20, 40, 200, 100)
    assert region(BELOW, 1.5, QRectF(100, 100, 101, 51)) == QRect(450, 1590, 152, 77)


def test_what_is_drawn_over_the_edge_ends_there() -> None:
    assert region(LEFT, 1.0, QRectF(1800, 1000, 500, 500)) == QRect(-120, 1000, 120, 80)


def test_a_thing_is_on_the_screen_that_has_most_of_it() -> None:
    screens = [real(MAIN, 2.0), LEFT, BELOW]
    assert nearest(screens, QRect(-300, 100, 400, 300)) == 1
    assert nearest(screens, QRect(-100, 100, 400, 300)) == 0
    assert nearest(screens, QRect(9000, 9000, 10, 10)) == 0, "on none: the main one"


def test_a_screen_is_told_by_where_it_is() -> None:
    ours = real(MAIN, 2.0)
    assert side(ours, ours) == "here"
    assert side(LEFT, ours) == "left"
    assert side(QRect(2560, 200, 1920, 1080), ours) == "right"
    assert side(BELOW, ours) == "below"
    assert side(ours, BELOW) == "above"
