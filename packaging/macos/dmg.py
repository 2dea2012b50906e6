"""
How the disk image looks: settings for dmgbuild, which runs this file with `defines` set.

    dmgbuild -s packaging/macos/dmg.py -D app=PATH -D background=PATH [-D page=PATH] "Tray Proxy" FILE.dmg

Source: dmgbuild's documentation, "Settings".
"""

from pathlib import Path

_app, _page = Path(defines["app"]), defines.get("page")  # noqa: F821  dmgbuild's

files = [str(_app), *([_page] if _page else [])]
symlinks = {"Applications": "/Applications"}
format = "UDZO"  # noqa: A001  dmgbuild's name

# The picture is as large as the window's inside; dmgbuild finds the one for sharper screens (@2x) beside it.
background = defines["background"]  # noqa: F821
window_rect = ((200, 200), (640, 440))
default_view = "icon-view"
icon_size = 112
text_size = 13
icon_locations = {_app.name: (170, 170), "Applications": (470, 170)}
if _page:
    icon_locations[Path(_page).name] = (320, 340)
hide_extensions = [_app.name]
