# shellcheck shell=bash
# What the monitors share. A monitor is a script that sources this, and gives `monitor` a function that looks at the system: it calls
# `is NAME VALUE` for each thing that it sees. Every $INTERVAL seconds the assertions are made to agree with what was seen: what is new is
# asserted, what has changed is replaced in one turn, what is gone is taken back. What a monitor that dies has said goes with its link.
#
# By hand: MONITOR.sh ADDRESS FILE, where FILE holds the sturdyref of a dataspace. Without them a monitor is a supervised service that speaks on
# its stdin and stdout: it waits until it is given a dataspace, by {dataspace: $space} asserted at its service object, and says there what it sees.
set -eu
# shellcheck source-path=SCRIPTDIR source=../../shell/syndicate.sh
. "${SYNDICATE_SH:-$(dirname "${BASH_SOURCE[0]}")/../../shell/syndicate.sh}"

SYS=${SYS:-/sys} PROC=${PROC:-/proc} INTERVAL=${INTERVAL:-2} # where the kernel tells; seconds between two looks
declare -A SEEN=() VALUES=() HANDLES=()

is() { SEEN[$1]=$2; }

number() { [[ $1 =~ ^-?[0-9]+(\.[0-9]+)?$ ]] && REPLY=$1; } # what is put into a value unquoted is a number for certain

content() { REPLY=''; [[ -r $1 ]] && { IFS= read -r REPLY <"$1" || [[ $REPLY ]]; } 2>/dev/null; } # FILE: its first line

agree() { # with what was SEEN
  local name
  for name in "${!SEEN[@]}"; do
    [[ ${VALUES[$name]-} != "${SEEN[$name]}" ]] || continue
    syndicate_replace "${HANDLES[$name]-}" "${SEEN[$name]}"
    HANDLES[$name]=$REPLY VALUES[$name]=${SEEN[$name]}
  done
  for name in "${!VALUES[@]}"; do
    [[ ! ${SEEN[$name]-} ]] || continue
    syndicate_retract "${HANDLES[$name]}"
    unset "VALUES[\$name]" "HANDLES[\$name]"
  done
}

given() { # what our parent asserts at our service object
  SYNDICATE_SPACE='' HANDLES=() VALUES=()
  while [[ $1 == add && $# -gt 2 ]]; do
    syndicate_text "$2"
    [[ $REPLY != dataspace ]] || SYNDICATE_SPACE=$3
    set -- add "${@:4}"
  done
}

monitor() { # FUNCTION [ADDRESS FILE]: look, and say what is seen, until the link is over
  local look=$1
  syndicate_connect "${2:-stdio:}"
  if [[ ${3-} ]]; then syndicate_resolve "$(<"$3")"; else SYNDICATE_SPACE='' SYNDICATE_CALLS[0]=given; fi
  while [[ $SYNDICATE_IN ]]; do
    if [[ $SYNDICATE_SPACE ]]; then
      SEEN=()
      "$look" || :
      agree
    fi
    while syndicate_step "$INTERVAL"; do :; done
  done
}
