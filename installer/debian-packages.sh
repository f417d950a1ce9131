#!/usr/bin/env bash
# Debian packages the project needs; each is named, with its reason, in the README.
# Installs what is missing when run as root; otherwise says in one sentence what is missing.
set -euo pipefail
packages=(
  python3-venv                                  # the environment
  libegl1 libgl1 libxkbcommon-x11-0 libfontconfig1 libdbus-1-3 # what Qt links to
  libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 # Qt's X11 plugin
  fonts-noto-core                               # names in other scripts than Inter knows
  xvfb xdotool openbox xterm x11-utils x11-xserver-utils # real pupils' desktops of demo and tests
  xserver-xorg-core xserver-xorg-video-dummy    # a desktop of several monitors, in tests
  dbus                                          # a bus for what stands in for logind, in tests
  xdg-utils file                                # opens what was handed out, on those desktops
  iproute2 nftables                             # network namespaces of tests, a firewall in one
  faketime                                      # clocks set in make attack, make histories-real
  gcc libc6-dev                                 # the clock that make test-later moves
  binutils                                      # make package looks into libraries
  systemd                                       # systemd-analyze looks at the units, offline
  postgresql                                    # the tests' own cluster
  wrk                                           # the generator of benchmarks/fleet
)
command -v dpkg-query >/dev/null || { echo "Not Debian: install by your own means: ${packages[*]}"; exit 0; }
missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed \
    || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "Missing Debian packages (ask an administrator): ${missing[*]}" >&2
  exit 0
fi
echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}" >/dev/null
