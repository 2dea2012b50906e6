"""
Runs in the Windows Python, beside the program, and tells what Windows knows of it: asked and answered in lines of JSON.

What is asked is a function's name and its arguments; the answer is what it returns.
"""

import ctypes
import json
import subprocess
import sys
import winreg
from ctypes import wintypes
from pathlib import Path

import keyring
import pyperclip
from win32ctypes.pywin32 import pywintypes, win32cred

WM_GETTEXT = 0x000D
SMTO_ABORTIFHUNG = 0x0002
ERROR_NOT_FOUND = 1168
TIMEOUT_MS = 3000
DIALOG_CLASS = "#32770"

held = []

user32 = ctypes.WinDLL("user32")
EnumWindowsProc = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)
user32.EnumChildWindows.argtypes = [wintypes.HWND, EnumWindowsProc, wintypes.LPARAM]
user32.SendMessageTimeoutW.argtypes = [
    wintypes.HWND, wintypes.UINT, wintypes.WPARAM, ctypes.c_void_p, wintypes.UINT, wintypes.UINT,
    ctypes.POINTER(ctypes.c_size_t),
]  # fmt: skip


def windows():
    """Every window of the desktop's own level: handle, process, class, whether it can be seen."""
    found = []

    def note(handle, _):
        process, name = wintypes.DWORD(), ctypes.create_unicode_buffer(256)
        user32.GetWindowThreadProcessId(handle, ctypes.byref(process))
        user32.GetClassNameW(handle, name, 256)
        found.append([handle, process.value, name.value, bool(user32.IsWindowVisible(handle))])
        return True

    user32.EnumWindows(EnumWindowsProc(note), 0)
    return found


def send(window, message, wparam, lparam):
    """Send a message to a window, and give its answer; None where there is none in time."""
    answer = ctypes.c_size_t()
    sent = user32.SendMessageTimeoutW(
        window, message, wparam, lparam, SMTO_ABORTIFHUNG, TIMEOUT_MS, ctypes.byref(answer)
    )
    return answer.value if sent else None


def words(window):
    """The text that a window shows."""
    text = ctypes.create_unicode_buffer(512)
    send(window, WM_GETTEXT, 512, ctypes.addressof(text))
    return text.value


def controls():
    """What the dialogs on the screen consist of: each visible control's text, and the middle of it on the screen."""
    found = []

    def note(handle, _):
        text, place = ctypes.create_unicode_buffer(512), wintypes.RECT()
        if user32.IsWindowVisible(handle):
            user32.GetWindowRect(handle, ctypes.byref(place))
            send(handle, WM_GETTEXT, 512, ctypes.addressof(text))
            middle = (place.left + place.right) // 2, (place.top + place.bottom) // 2
            found.append([text.value.replace("&", ""), *middle])
        return True

    callback = EnumWindowsProc(note)
    for handle, _, name, visible in windows():
        if name == DIALOG_CLASS and visible:
            note(handle, None)
            user32.EnumChildWindows(handle, callback, 0)
    return found


def credential(target):
    """Whose name and which secret lie in the Credential Manager under this target; None where nothing does."""
    try:
        found = win32cred.CredRead(target, win32cred.CRED_TYPE_GENERIC)
    except pywintypes.error as error:
        if error.winerror == ERROR_NOT_FOUND:
            return None
        raise
    return [found["UserName"], found["CredentialBlob"].decode("utf-16-le")]


def clipboard():
    """The text in the clipboard."""
    return pyperclip.paste()


def registry(key, name):
    """A value of the user's part of the registry; bytes as numbers, None where it is not there."""
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
            value, _ = winreg.QueryValueEx(opened, name)
    except FileNotFoundError:
        return None
    return list(value) if isinstance(value, bytes) else value


def set_registry(key, name, value):
    """Set such a value: numbers are bytes, one number is a DWORD, a string is a text."""
    kind = {int: winreg.REG_DWORD, str: winreg.REG_SZ, list: winreg.REG_BINARY}[type(value)]
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
        winreg.SetValueEx(opened, name, 0, kind, bytes(value) if isinstance(value, list) else value)


def subkey(key):
    """The values of a key in the user's part of the registry, by name; None where it is not there."""
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
            values = [winreg.EnumValue(opened, number) for number in range(winreg.QueryInfoKey(opened)[1])]
    except FileNotFoundError:
        return None
    return {name: value for name, value, _ in values}


def store_credential(service, account, secret):
    """Keep a secret in the Credential Manager, as the program does."""
    keyring.set_password(service, account, secret)


def hold(path):
    """Open a file, so that it can be neither replaced nor removed, until `let_go`."""
    held.append(Path(path).open("rb"))  # noqa: SIM115  that is what is asked for


def let_go():
    """Close what is held."""
    while held:
        held.pop().close()


def start(line):
    """Start what a Run value says, as Windows does at login."""
    subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    """Answer until there is no more to read."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(globals()[name](*arguments)), flush=True)  # noqa: T201  the answer


if __name__ == "__main__":
    main()
