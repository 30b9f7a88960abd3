#!/usr/bin/env bash
# Backlights: <brightness "intel_backlight" 400 1000>, of at most that much.
# shellcheck source-path=SCRIPTDIR source=monitor.sh
. "$(dirname "$0")/monitor.sh"

look() {
  local light most
  for light in "$SYS"/class/backlight/*/; do
    { content "$light/max_brightness" && number "$REPLY"; } || continue
    most=$REPLY
    { content "$light/brightness" && number "$REPLY"; } || continue
    set -- "$REPLY"
    syndicate_quote "$(basename "$light")" && is "$REPLY" "<brightness $REPLY $1 $most>"
  done
}

monitor look "$@"
