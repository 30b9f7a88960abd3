#!/usr/bin/env bash
# Network interfaces: <interface "eth0" "up" 1200 3400>, with the bytes received and sent.
# shellcheck source-path=SCRIPTDIR source=monitor.sh
. "$(dirname "$0")/monitor.sh"

look() {
  local interface name state received sent
  for interface in "$SYS"/class/net/*/; do
    content "$interface/operstate" || continue
    syndicate_quote "$REPLY" && state=$REPLY received=0 sent=0
    if content "$interface/statistics/rx_bytes" && number "$REPLY"; then received=$REPLY; fi
    if content "$interface/statistics/tx_bytes" && number "$REPLY"; then sent=$REPLY; fi
    syndicate_quote "$(basename "$interface")" && name=$REPLY
    is "$name" "<interface $name $state $received $sent>"
  done
}

monitor look "$@"
