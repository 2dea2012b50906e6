"""The pictures that ship: all there, the right size, and told apart by shape."""

from itertools import combinations

import pytest
from PIL import Image, ImageChops

from tray_proxy import paths
from tray_proxy.tray.icons import SIZES, Theme, image
from tray_proxy.tray.state import Look

EVERY_ICON = [(look, theme, size) for theme, sizes in SIZES.items() for look in Look for size in sizes]
PAIRS = list(combinations(Look, 2))


def share_of_ink(alpha: Image.Image) -> float:
    """How much of the square is covered: 0.0 for an empty picture, 1.0 for a full one."""
    histogram = alpha.histogram()
    return sum(value * count for value, count in enumerate(histogram)) / (255 * alpha.width * alpha.height)


@pytest.mark.parametrize(("look", "theme", "size"), EVERY_ICON)
def test_every_icon_ships_in_its_own_size(look: Look, theme: Theme, size: int) -> None:
    with Image.open(paths.asset(f"icons/{look}-{theme}-{size}.png")) as file:
        assert (file.format, file.size, file.mode) == ("PNG", (size, size), "RGBA")


@pytest.mark.parametrize(("look", "theme", "size"), EVERY_ICON)
def test_an_icon_is_shown_as_it_was_drawn_when_its_size_exists(look: Look, theme: Theme, size: int) -> None:
    """Scaling blurs, and blurred tray icons are what people complain about."""
    with Image.open(paths.asset(f"icons/{look}-{theme}-{size}.png")) as file:
        assert image(look, size, theme=theme).tobytes() == file.tobytes()


@pytest.mark.parametrize("theme", SIZES)
def test_an_odd_size_is_scaled_down_from_the_next_larger_icon(theme: Theme) -> None:
    """Panels ask for sizes of their own, such as 22 pixels."""
    scaled = image(Look.ON, 22, theme=theme)

    larger = image(Look.ON, 24, theme=theme)
    assert (scaled.size, scaled.mode) == ((22, 22), "RGBA")
    assert scaled.tobytes() == larger.resize((22, 22), Image.Resampling.LANCZOS).tobytes()


@pytest.mark.parametrize("size", [0, 257])
def test_a_size_that_no_icon_can_fill_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"^Icons are 1 to 256 pixels wide, not {size}\\.$"):
        image(Look.ON, size, theme="light")


@pytest.mark.parametrize("size", SIZES["template"])
@pytest.mark.parametrize("look", Look)
def test_a_template_is_black_and_alpha_only(look: Look, size: int) -> None:
    """macOS takes the shape from the alpha and puts in its own colour."""
    red, green, blue, alpha = image(look, size, theme="template").split()

    assert [channel.getextrema() for channel in (red, green, blue)] == [(0, 0)] * 3
    assert alpha.getextrema() == (0, 255)


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("theme", SIZES)
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_looks_differ_in_shape_without_their_colours(one: Look, other: Look, theme: Theme, size: int) -> None:
    """A seventh of the square, at least: 37 of the 256 pixels of the smallest icon."""
    alphas = [image(look, size, theme=theme).getchannel("A") for look in (one, other)]

    assert share_of_ink(ImageChops.difference(*alphas)) > 1 / 7


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("look", Look)
def test_an_icon_is_neither_empty_nor_a_full_square(look: Look, size: int) -> None:
    assert 0.2 < share_of_ink(image(look, size, theme="light").getchannel("A")) < 0.8


def test_off_is_an_outline_with_far_less_ink_than_on() -> None:
    """About half is left: enough to be seen, too little to be taken for the solid tray."""
    off, on = (share_of_ink(image(look, 32, theme="light").getchannel("A")) for look in (Look.OFF, Look.ON))

    assert off < on * 0.6


@pytest.mark.parametrize("look", Look)
@pytest.mark.parametrize(("theme", "lightness"), [("light", range(128)), ("dark", range(128, 256))])
def test_ink_stands_out_from_the_panel_it_is_named_for(look: Look, theme: Theme, lightness: range) -> None:
    icon = image(look, 64, theme=theme)
    grey, alpha = icon.convert("L"), icon.getchannel("A")

    ink = {shade for shade, opacity in zip(grey.tobytes(), alpha.tobytes(), strict=True) if opacity == 255}
    assert ink <= set(lightness)


def test_the_windows_icon_holds_every_size() -> None:
    with Image.open(paths.asset("icons/tray-proxy.ico")) as file:
        assert file.info["sizes"] == {(size, size) for size in (16, 20, 24, 32, 48, 64, 128, 256)}


def test_the_macos_icon_holds_every_size() -> None:
    """In points, with the scale of the screen: 16@2x has 32 pixels."""
    with Image.open(paths.asset("icons/tray-proxy.icns")) as file:
        assert {(width, scale) for width, _, scale in file.info["sizes"]} == {
            (16, 2), (32, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2),
        }  # fmt: skip


def test_the_app_icon_is_a_picture_of_256_pixels() -> None:
    with Image.open(paths.asset("icons/app-256.png")) as file:
        assert (file.format, file.size, file.mode) == ("PNG", (256, 256), "RGBA")
