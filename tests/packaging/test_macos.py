"""What is put together on a Mac, as far as its files tell; signing with stand-ins for Apple's tools."""

import base64
import plistlib
import runpy
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tray_proxy import __version__, autostart

ROOT = Path(__file__).parents[2]
MACOS = ROOT / "packaging" / "macos"
INFO = tomllib.loads((MACOS / "Info.toml").read_text(encoding="utf-8"))


# -- what macOS reads about the program ------------------------------------------------------------


def test_the_program_lives_in_the_menu_bar_alone() -> None:
    assert INFO["LSUIElement"] is True


def test_macos_knows_the_program_and_its_launch_agent_by_one_name() -> None:
    assert INFO["CFBundleIdentifier"] == autostart.LABEL


def test_everything_that_macos_reads_is_of_the_kind_that_it_expects() -> None:
    """A value of another type is ignored, or keeps the program from starting."""
    read_back = plistlib.loads(plistlib.dumps({**INFO, "CFBundleVersion": __version__}))

    assert read_back == {
        "CFBundleIdentifier": "tray-proxy",
        "CFBundleName": "Tray Proxy",
        "CFBundleDisplayName": "Tray Proxy",
        "CFBundleDevelopmentRegion": "en",
        "CFBundleVersion": __version__,
        "LSApplicationCategoryType": "public.app-category.developer-tools",
        "LSUIElement": True,
        "LSMinimumSystemVersion": "11.0",
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": "Copyright © 2026 Tray Proxy contributors. MIT License.",
    }


def test_the_program_asks_for_one_exception_from_the_hardened_runtime() -> None:
    """Each further one would open it to code that nobody signed."""
    entitlements = plistlib.loads((MACOS / "entitlements.plist").read_bytes())

    assert entitlements == {"com.apple.security.cs.allow-unsigned-executable-memory": True}


# -- pictures --------------------------------------------------------------------------------------


def test_the_icon_is_sharp_in_every_size_that_macos_shows() -> None:
    """From 16 points to 512, on screens with twice the pixels too; the two smallest are scaled down on plain ones."""
    with Image.open(ROOT / "assets" / "icons" / "tray-proxy.icns") as icon:
        sizes = {(points, scale) for points, _height, scale in icon.info["sizes"]}

    assert sizes == {(16, 2), (32, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)}


def test_the_icon_has_the_margin_of_other_programs() -> None:
    """Apple's template fills 824 of 1024 pixels: one that fills all of them would look larger than its neighbours."""
    with Image.open(ROOT / "assets" / "icons" / "tray-proxy.icns") as icon:
        largest = icon.icns.getimage((512, 512, 2)).convert("RGBA")

    assert (largest.size, largest.getchannel("A").getbbox()) == ((1024, 1024), (96, 96, 928, 928))


@pytest.mark.parametrize(("name", "size"), [("background.png", (640, 440)), ("background@2x.png", (1280, 880))])
def test_the_picture_in_the_disk_image_fits_its_window(name: str, size: tuple[int, int]) -> None:
    with Image.open(MACOS / name) as picture:
        assert picture.size == size


def test_the_sharper_picture_in_the_disk_image_is_the_same_picture() -> None:
    with Image.open(MACOS / "background.png") as plain, Image.open(MACOS / "background@2x.png") as sharp:
        difference = ImageChops.difference(plain.convert("L"), sharp.convert("L").resize(plain.size))

    assert sum(difference.histogram()[128:]) == 0


def look(**defines: str) -> dict[str, object]:
    """Run dmgbuild's settings, as it does."""
    return runpy.run_path(str(MACOS / "dmg.py"), init_globals={"defines": defines})


def test_the_disk_image_shows_the_program_beside_applications() -> None:
    settings = look(app="dist/Tray Proxy.app", background="background.png")

    assert settings["files"] == ["dist/Tray Proxy.app"]
    assert settings["symlinks"] == {"Applications": "/Applications"}
    assert settings["icon_locations"] == {"Tray Proxy.app": (170, 170), "Applications": (470, 170)}


def test_an_unsigned_disk_image_shows_how_to_open_it_all_the_same() -> None:
    settings = look(app="dist/Tray Proxy.app", background="background.png", page="x/If macOS does not open it.html")

    assert settings["files"] == ["dist/Tray Proxy.app", "x/If macOS does not open it.html"]
    assert settings["icon_locations"]["If macOS does not open it.html"] == (320, 340)


# -- putting it together ---------------------------------------------------------------------------

# Each notes its name and what it was told; what a test's environment says of it, it prints.
STAND_IN = """#!/bin/sh
name=$(basename "$0")
{ printf '%s' "$name"; for each in "$@"; do printf '|%s' "$each"; done; printf '\\n'; } >>"$CALLS"
case "$name $1" in
  'python -m') printf 'an image' >"$(for last in "$@"; do :; done; printf '%s' "$last")"
    for each in "$@"; do case $each in page=*) cp "${each#page=}" "$CALLS.page" ;; esac; done ;;
  'security -i') cat >>"$CALLS.security" ;;
  'security list-keychains') [ "$#" -gt 3 ] || echo '    "/Users/me/Library/Keychains/login.keychain-db"' ;;
  'security find-identity') printf '%s\\n' "$IDENTITIES" ;;
  'uname -m') echo arm64 ;;
  'openssl rand') echo 0123456789abcdef ;;
  'openssl base64') base64 -d ;;
  'otool -l') printf '%s\\n' "$LOAD_COMMANDS" ;;
  'xcrun notarytool') if [ "$2" = log ]; then echo 'what Apple found'
    else printf '  id: 77\\n  status: %s\\n' "$NOTARY_SAYS"; fi ;;
esac
"""
CERTIFICATE = base64.b64encode(b"a certificate and its key").decode()
SECRETS = {
    "MACOS_CERTIFICATE": CERTIFICATE,
    "MACOS_CERTIFICATE_PASSWORD": "pass-of-the-certificate",
    "MACOS_NOTARY_KEY": "-----BEGIN PRIVATE KEY-----\nsecret-of-the-notary\n-----END PRIVATE KEY-----",
}
SIGNING = SECRETS | {"MACOS_NOTARY_KEY_ID": "KEYID", "MACOS_NOTARY_ISSUER": "ISSUER"}
IDENTITY = '  1) 0A1B2C "Developer ID Application: Somebody (TEAM)"'
# As otool prints them; the tools that built a file have versions, too.
NEW_KIND = """Load command 9
      cmd LC_BUILD_VERSION
  cmdsize 32
 platform 1
    minos {}
      sdk 15.0
   ntools 1
     tool 3
  version 1115.7.3"""
OLD_KIND = """Load command 8
      cmd LC_VERSION_MIN_MACOSX
  cmdsize 16
  version {}
      sdk 12.3"""


class Mac:
    """A copy of the checkout's part that matters, with a built program in it and stand-ins for Apple's tools."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls_file = folder / "calls"
        self.calls_file.touch()
        shutil.copytree(MACOS, folder / "packaging" / "macos")
        for file in ("docs/images/install-macos-gatekeeper.svg", "tray_proxy/__init__.py"):
            (folder / file).parent.mkdir(parents=True)
            shutil.copy(ROOT / file, folder / file)
        contents = folder / "dist" / "Tray Proxy.app" / "Contents"
        for name in ("MacOS/tray-proxy", "Frameworks/a.so", "Frameworks/Python.framework/Versions/3.13/Python"):
            self._program(contents / name, "code")
        (contents / "Frameworks" / "Python.framework" / "Versions" / "3.13" / "Info.plist").write_text("no code")
        tools = ("security", "codesign", "xcrun", "spctl", "hdiutil", "otool", "openssl", "uname")
        for tool in (*(f"bin/{name}" for name in tools), "build/venv/bin/python"):
            self._program(folder / tool, STAND_IN)

    def _program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def make(self, environment: dict[str, str], **said: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        answers = {"IDENTITIES": IDENTITY, "LOAD_COMMANDS": NEW_KIND.format("11.0"), "NOTARY_SAYS": "Accepted"} | said
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        return subprocess.run(
            [self.folder / "packaging" / "macos" / "make-dmg"],
            env={"PATH": path, "CALLS": str(self.calls_file), "TMPDIR": str(self.folder), **answers, **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def calls(self, *tools: str) -> list[list[str]]:
        """What was asked of these tools, in order."""
        calls = [line.split("|") for line in self.calls_file.read_text().splitlines()]
        return [call for call in calls if call[0] in tools]

    def left_over(self) -> list[str]:
        """What the script has left in the folder for temporary files."""
        return sorted(path.name for path in self.folder.glob("tmp.*"))


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    if sys.platform == "win32":
        pytest.skip("a script for a Mac: Windows has no shell for it")
    return Mac(tmp_path)


DMG = f"dist/tray-proxy-{__version__}-macos-arm64.dmg"
APP = "dist/Tray Proxy.app"


def test_what_was_made_is_named_for_its_version_and_its_processor(mac: Mac) -> None:
    made = mac.make({})

    assert (made.returncode, made.stdout) == (0, f"{DMG}\n"), made.stderr
    assert (mac.folder / DMG).read_text() == "an image"


def test_without_a_certificate_nothing_is_signed(mac: Mac) -> None:
    mac.make({})

    assert mac.calls("codesign", "security", "xcrun", "spctl") == [
        ["codesign", "--verify", "--deep", "--strict", "--verbose=2", APP]
    ]


def test_without_a_certificate_a_page_shows_how_to_open_it(mac: Mac) -> None:
    """The drawing is in the page: one file, which shows in any browser."""
    mac.make({})

    page = Path(f"{mac.calls_file}.page").read_text(encoding="utf-8")
    assert "<title>If macOS does not open Tray Proxy</title>" in page
    assert (ROOT / "docs/images/install-macos-gatekeeper.svg").read_text(encoding="utf-8") in page
    assert "<!-- drawing -->" not in page


def test_a_signed_image_has_no_such_page(mac: Mac) -> None:
    mac.make(SIGNING)

    (made,) = mac.calls("python")
    assert [word for word in made if word.startswith("page=")] == []


def test_signatures_go_from_the_inside_out(mac: Mac) -> None:
    """What lies within is sealed by what is around it, so it has to be signed before."""
    made = mac.make(SIGNING)

    assert made.returncode == 0, made.stderr
    signed = [call[call.index("--sign") + 2 :] for call in mac.calls("codesign") if "--sign" in call]
    frameworks = f"{APP}/Contents/Frameworks"
    assert sorted(signed[:2]) == [[f"{frameworks}/Python.framework/Versions/3.13/Python"], [f"{frameworks}/a.so"]]
    assert signed[2:] == [
        [f"{frameworks}/Python.framework"],
        ["--entitlements", "packaging/macos/entitlements.plist", APP],
        [DMG],
    ]


def test_everything_is_signed_for_the_hardened_runtime_and_with_the_time(mac: Mac) -> None:
    """Apple checks nothing else."""
    mac.make(SIGNING)

    signing = [call for call in mac.calls("codesign") if "--sign" in call]
    assert [call[1:5] for call in signing] == [["--force", "--timestamp", "--options", "runtime"]] * len(signing)
    assert {call[call.index("--sign") + 1] for call in signing} == {"0A1B2C"}


def test_the_image_is_notarised_and_carries_the_proof(mac: Mac) -> None:
    mac.make(SIGNING)

    asked = [[word for word in call if not word.endswith("notary.p8")] for call in mac.calls("xcrun", "spctl")]
    with_key = ["--key", "--key-id", "KEYID", "--issuer", "ISSUER"]
    assert asked == [
["xcrun", "notarytool", "submit", DMG, *with_key, "--wait", "--timeout", "30m"],
        ["xcrun", "stapler", "staple", DMG],
        ["xcrun", "stapler", "validate", DMG],
        ["spctl", "--assess", "--type", "open", "--context", "context:primary-signature", "--verbose=2", DMG],
    ]  # fmt: skip


def test_what_apple_refuses_is_not_released_and_its_reasons_are_shown(mac: Mac) -> None:
    made = mac.make(SIGNING, NOTARY_SAYS="Invalid")

    assert made.returncode == 1
    assert "what Apple found" in made.stderr
    assert mac.calls("xcrun")[-1][1:4] == ["notarytool", "log", "77"]


def test_a_certificate_alone_signs(mac: Mac) -> None:
    made = mac.make({name: value for name, value in SIGNING.items() if not name.startswith("MACOS_NOTARY")})

    assert (made.returncode, mac.calls("xcrun")) == (0, [])
    assert "not notarised" in made.stderr


def test_a_certificate_that_cannot_be_used_is_no_release(mac: Mac) -> None:
    """An unsigned image in place of a signed one would only be noticed by those who download it."""
    made = mac.make(SIGNING, IDENTITIES="     0 valid identities found")

    assert made.returncode == 1
    assert 'no usable "Developer ID Application"' in made.stderr
    assert not (mac.folder / DMG).exists()


@pytest.mark.parametrize("said", [{}, {"NOTARY_SAYS": "Invalid"}, {"IDENTITIES": "none"}])
def test_the_keychain_and_the_keys_are_gone_whatever_happens(mac: Mac, said: dict[str, str]) -> None:
    mac.make(SIGNING, **said)

    (deleted,) = [call for call in mac.calls("security") if call[1] == "delete-keychain"]
    assert deleted[2].endswith("/signing.keychain-db")
    assert mac.left_over() == []


def test_no_secret_is_printed_or_told_to_a_program_as_an_argument(mac: Mac) -> None:
    """Every user of a computer reads the arguments of all its programs."""
    made = mac.make(SIGNING)

    seen = made.stdout + made.stderr + mac.calls_file.read_text()
    secrets = [*SECRETS.values(), "secret-of-the-notary", "0123456789abcdef"]
    assert [secret for secret in secrets if secret in seen] == []
    assert '-P "pass-of-the-certificate"' in Path(f"{mac.calls_file}.security").read_text()


@pytest.mark.parametrize("kind", [NEW_KIND, OLD_KIND])
@pytest.mark.parametrize(("needed", "status"), [("10.13", 0), ("11.0", 0), ("11.1", 1), ("14.0", 1)])
def test_code_for_a_newer_macos_than_promised_is_no_release(mac: Mac, kind: str, needed: str, status: int) -> None:
    """There the program would not start, without a word."""
    made = mac.make({}, LOAD_COMMANDS=kind.format(needed))

    assert (made.returncode, f"wants macOS {needed}" in made.stderr) == (status, status == 1)
