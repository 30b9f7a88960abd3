#!/usr/bin/env bash
# The chat's client in bash: chat.sh ADDRESS FILE NAME, where FILE holds the sturdyref of the room. What is typed is said; the end of input leaves.
set -eu
# shellcheck source-path=SCRIPTDIR source=../../shell/syndicate.sh
. "${SYNDICATE_SH:-$(dirname "$0")/../../shell/syndicate.sh}"

plain() { syndicate_text "$1"; REPLY=${REPLY//[[:cntrl:]]/?}; } # what others say tells our terminal nothing
presence() { plain "$2"; case $1 in add) echo "* $REPLY is here" ;; remove) echo "* $REPLY is gone" ;; esac; }
words() { local who; plain "$2"; who=$REPLY; plain "$3"; echo "$who: $REPLY"; }

syndicate_connect "$1"
syndicate_resolve "$(<"$2")"
syndicate_quote "$3"; me=$REPLY
syndicate_observe '<group <rec Present> {0: <bind <_>>}>' presence
syndicate_observe '<group <rec Says> {0: <bind <_>> 1: <bind <_>>}>' words
syndicate_assert "<Present $me>"

while syndicate_step 0.1 || (($? == 1)); do
  while read -r -t 0; do
    IFS= read -r line || break 2
    if syndicate_quote "$line"; then syndicate_message "<Says $me $REPLY>"; fi
  done
done
syndicate_close
