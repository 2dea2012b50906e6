#!/bin/sh
# Remove Tray Proxy, which install.sh has installed for the user who runs this.
#
#   uninstall.sh            asks whether settings, logs and the stored key shall go, too
#   uninstall.sh --keep     asks nothing, and keeps them
#   uninstall.sh --forget   asks nothing, and removes them
set -eu
data=${XDG_DATA_HOME:-$HOME/.local/share}
config=${XDG_CONFIG_HOME:-$HOME/.config}
bin=$HOME/.local/bin
home=$data/tray-proxy
program=$home/program/tray-proxy

fail() { printf 'uninstall.sh: %s\n' "$*" >&2; exit 1; }

forget=no
case ${1:-} in
  --keep) ;;
  --forget) forget=yes ;;
  '')
    # Without anybody to ask, what may be missed later stays.
    if [ -t 0 ]; then
      printf 'Delete the settings, the logs and the stored OpenRouter key, too? [y/N] '
      read -r answer || answer=
      case $answer in [yY] | [yY][eE][sS]) forget=yes ;; esac
    fi
    ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

if [ ! -d "$home/program" ] && [ ! -e "$home/uninstall.sh" ]; then
  fail "it is not installed in $home. Where it was with another XDG_DATA_HOME, run this with that one"
fi
if [ -x "$program" ]; then
  "$program" --quit >/dev/null || fail "the copy that runs does not end: quit it in its menu, then run this again"
  "$program" --quit --demo >/dev/null || fail "the demo that runs does not end: quit it in its menu, then run this again"
  if [ $forget = yes ]; then "$program" --forget || fail "not all could be deleted; nothing else was removed"; fi
fi

# Another copy, as from pipx, may have its own link, and be what starts at login.
if [ "$(readlink "$bin/tray-proxy" 2>/dev/null)" = "$program" ]; then rm -f "$bin/tray-proxy"; fi
if grep -qsF "$program" "$config/autostart/tray-proxy.desktop"; then rm -f "$config/autostart/tray-proxy.desktop"; fi
rm -f "$data/applications/tray-proxy.desktop"
rm -f "$data"/icons/hicolor/*/apps/tray-proxy.png "$data/icons/hicolor/scalable/apps/tray-proxy.svg"
if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database -q "$data/applications" || :; fi
# What install.sh has put there, and the folder if nothing else is in it: settings may lie there, too.
rm -rf "$home/program" "$home/program.new" "$home/program.old"
rm -f "$home/uninstall.sh" "$home/LICENSE"
if [ ! -L "$home" ]; then rmdir "$home" 2>/dev/null || :; fi
echo "Tray Proxy is removed."
