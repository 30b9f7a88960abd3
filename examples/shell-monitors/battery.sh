#!/usr/bin/env bash
# Batteries: <battery "BAT0" 87 "Discharging">, with the charge in percent.
# shellcheck source-path=SCRIPTDIR source=monitor.sh
. "$(dirname "$0")/monitor.sh"

look() {
  local supply name status percent
  for supply in "$SYS"/class/power_supply/*/; do
    { content "$supply/type" && [[ $REPLY == Battery ]]; } || continue
    { content "$supply/capacity" && number "$REPLY"; } || continue
    percent=$REPLY status=Unknown
    if content "$supply/status"; then status=$REPLY; fi
    syndicate_quote "$(basename "$supply")" && name=$REPLY
    syndicate_quote "$status" && is "$name" "<battery $name $percent $REPLY>"
  done
}

monitor look "$@"
