#!/usr/bin/env bash
# What the monitors say, as it changes: watch.sh ADDRESS FILE.
set -eu
# shellcheck source-path=SCRIPTDIR source=../../shell/syndicate.sh
. "${SYNDICATE_SH:-$(dirname "$0")/../../shell/syndicate.sh}"

show() { # NAME, then what a callback is given
  local line=$1 item change=$2
  for item in "${@:3}"; do syndicate_text "$item"; line+=" ${REPLY//[[:cntrl:]]/?}"; done
  case $change in add) echo "+ $line" ;; remove) echo "- $line" ;; esac
}
battery() { show battery "$@"; }
load() { show load "$@"; }
brightness() { show brightness "$@"; }
interface() { show interface "$@"; }

syndicate_connect "$1"
syndicate_resolve "$(<"$2")"
syndicate_observe '<group <rec battery> {0: <bind <_>> 1: <bind <_>> 2: <bind <_>>}>' battery
syndicate_observe '<group <rec load> {0: <bind <_>> 1: <bind <_>> 2: <bind <_>>}>' load
syndicate_observe '<group <rec brightness> {0: <bind <_>> 1: <bind <_>> 2: <bind <_>>}>' brightness
syndicate_observe '<group <rec interface> {0: <bind <_>> 1: <bind <_>> 2: <bind <_>> 3: <bind <_>>}>' interface
syndicate_run || (($? == 2))
