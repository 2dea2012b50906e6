"""The tray's pictures, read from `assets/icons`. The only module that knows Pillow."""

from functools import cache
from typing import Literal

from PIL import Image

from tray_proxy import paths
from tray_proxy.tray.state import Look

# Named for the panel that the icon lies on; a template is what macOS colours itself.
Theme = Literal["light", "dark", "template"]

# What scripts/render-icons draws, in pixels.
SIZES: dict[Theme, tuple[int, ...]] = {
    "light": (16, 20, 24, 32, 48, 64, 128, 256),
    "dark": (16, 20, 24, 32, 48, 64, 128, 256),
    "template": (16, 18, 20, 24, 32, 36, 48, 64, 128, 256),
}


@cache
def image(look: Look, size: int, *, theme: Theme) -> Image.Image:
    """
    Read an icon: as drawn for that size, else the next larger one scaled down.

    Icons are asked for at every change of state, so each is read once; do not draw on what you get.

    Args:
        size: Width and height in pixels, 1 to 256.

    Raises:
        ValueError: no icon is that large; one scaled up would be blurred.
        FileNotFoundError: the installation is damaged.
    """
    if not 1 <= size <= SIZES[theme][-1]:
        raise ValueError(f"Icons are 1 to {SIZES[theme][-1]} pixels wide, not {size}.")
    drawn = next(candidate for candidate in SIZES[theme] if candidate >= size)
    with Image.open(paths.asset(f"icons/{look}-{theme}-{drawn}.png")) as file:
        picture = file.convert("RGBA")
    return picture if drawn == size else picture.resize((size, size), Image.Resampling.LANCZOS)
