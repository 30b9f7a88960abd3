#!/usr/bin/env bash
# The load of the machine over 1, 5 and 15 minutes: <load 0.42 0.3 0.25>.
# shellcheck source-path=SCRIPTDIR source=monitor.sh
. "$(dirname "$0")/monitor.sh"

look() {
  local one five fifteen
  read -r one five fifteen _ <"$PROC/loadavg" || return 0
  number "$one" && number "$five" && number "$fifteen" && is load "<load $one $five $fifteen>"
}

monitor look "$@"
