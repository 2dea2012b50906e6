#!/bin/sh
# Install Tray Proxy for the user who runs this, or put this version in the place of another. Nothing needs root.
#
# Into ~/.local/share/tray-proxy (XDG_DATA_HOME counts), a link in ~/.local/bin, and an entry in the desktop's menu.
# Settings, key and start at login stay as they are. uninstall.sh undoes it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
bin=$HOME/.local/bin
home=$data/tray-proxy
program=$home/program/tray-proxy

fail() { printf 'install.sh: %s\n' "$*" >&2; rm -rf "$home/program.new"; exit 1; }

if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ]; then fail "run it without sudo: it installs for one user"; fi
case $home in /*) ;; *) fail "XDG_DATA_HOME is no path from the root on: $XDG_DATA_HOME" ;; esac
"$here/program/tray-proxy" --version >/dev/null ||
  fail "the program does not run here: this system is older than the one it was built on, or of another kind"

mkdir -p "$home" "$bin" "$data/applications" "$data/icons"
rm -rf "$home/program.new" "$home/program.old"
# Copied beside the old one first: where the disk is full, that one is still there, and runs.
cp -R "$here/program" "$home/program.new" || fail "$home cannot hold it"
if [ -x "$program" ]; then
  # As long as it runs it has its files open, and would find new ones in their place.
  "$program" --quit >/dev/null || fail "the copy that runs does not end: quit it in its menu, then run this again"
  "$program" --quit --demo >/dev/null || fail "the demo that runs does not end: quit it in its menu, then run this again"
fi
if [ -e "$home/program" ]; then mv "$home/program" "$home/program.old"; fi
mv "$home/program.new" "$home/program"
rm -rf "$home/program.old"
cp "$here/uninstall.sh" "$here/LICENSE" "$home/"

start=$bin/tray-proxy
if [ "$(readlink "$start")" = "$program" ] || [ ! -e "$start" ]; then
  ln -sfn "$program" "$start"
else
  printf '%s is something else, as from pipx, and stays as it is.\n' "$start"
  start=$program
fi

cp -R "$here/icons/hicolor" "$data/icons/"
# A desktop that keeps a list of icons makes it anew where the folder is newer.
touch "$data/icons/hicolor"
# A desktop looks into ~/.local/bin or does not. The file's own escapes are on top of those of the command.
line=$(printf '%s\n' "$program" | sed 's/[\\"`$]/\\&/g; s/\\/\\\\/g; s/%/%%/g')
while IFS= read -r row; do
  case $row in Exec=*) printf 'Exec="%s"\n' "$line" ;; *) printf '%s\n' "$row" ;; esac
done <"$here/tray-proxy.desktop" >"$data/applications/tray-proxy.desktop"
if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database -q "$data/applications" || :; fi

printf 'Tray Proxy is installed in %s.\n' "$home"
printf 'Start it from the menu of your desktop, or as %s.\n' "$start"
printf 'To remove it: %s\n' "$home/uninstall.sh"
