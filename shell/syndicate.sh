# shellcheck shell=bash
# syndicate.sh: a client of the Syndicate protocol for bash 4.4 or newer, in the text syntax of Preserves. Source it; docs/shell.md is its manual.
# Functions answer in REPLY (or ITEMS) and return 0; 1 where they failed, with the reason on stderr; 2 where the link is over.
# A VALUE or PATTERN is Preserves text. Put text from elsewhere into one by syndicate_quote only, and numbers once it is known that they are.
declare -gA SYNDICATE_CALLS=() SYNDICATE_SAID=() SYNDICATE_AT=() # observer: function; "observer.handle": value; handle of ours: its target
SYNDICATE_ID=0 SYNDICATE_IN='' SYNDICATE_OUT='' SYNDICATE_PID='' SYNDICATE_PART='' SYNDICATE_SPACE='' SYNDICATE_ANSWER=()
_syndicate_token=$'^([ \t\r\n,:]+|#:|#?[[{]|<|[]}>]|(#(xd?)?)?"([^"\\\\]|\\\\.)*"|\'([^\'\\\\]|\\\\.)*\'|#?[^][<>{}"\':,#@; \t\r\n]+)'
_syndicate_utf8=$'^([\x01-\x7f]|[\xc2-\xdf]~|\xe0[\xa0-\xbf]~|[\xe1-\xec\xee\xef]~~|\xed[\x80-\x9f]~|\xf0[\x90-\xbf]~~|[\xf1-\xf3]~~~|\xf4[\x80-\x8f]~~)*$'
_syndicate_fail() { printf 'syndicate: %s\n' "${1//[[:cntrl:]]/?}" >&2; return "${2:-1}"; }
syndicate_quote() { # TEXT: as a String, whatever is in it
  local LC_ALL=C text=$1 code
  [[ $text =~ ${_syndicate_utf8//\~/$'[\x80-\xbf]'} ]] || { _syndicate_fail 'this text is not UTF-8'; return; }
  text=${text//\\/\\\\} text=${text//\"/\\\"}
  while [[ $text =~ [[:cntrl:]] ]]; do printf -v code '\\u%04x' "'${BASH_REMATCH[0]}"; text=${text//"${BASH_REMATCH[0]}"/"$code"}; done
  REPLY=\"$text\"
}
syndicate_text() { # VALUE: the text of a String or of a quoted Symbol; anything else as it is written
  local text=${1:1} code; REPLY=$1; [[ $1 == [\"\']* ]] || return 0
  text=${text%?} text=${text//\\\\/\\u005c} text=${text//\\u0000/\\ufffd} # no variable holds a NUL
  while [[ $text =~ \\u([dD][89abAB][[:xdigit:]]{2})\\u([dD][c-fC-F][[:xdigit:]]{2}) ]]; do # two halves of a character
    printf -v code '\\U%08x' $((0x10000 + ((0x${BASH_REMATCH[1]} & 0x3ff) << 10) + (0x${BASH_REMATCH[2]} & 0x3ff)))
    text=${text/"${BASH_REMATCH[0]}"/"$code"}
  done
  text=${text//\\\//\/} text=${text//\\\"/\"}; printf -v REPLY %b "${text//\\\'/\'}"
}
syndicate_items() { # VALUE: the items of a Sequence or Set, keys and values of a Dictionary, label and fields of a Record; 1 where it is none
  local LC_ALL=C text=$1 at=0 depth=0 item='' token; ITEMS=()
  while :; do # through a window, since a match costs as much as all that stands behind it
    [[ (${text:at:1000} =~ $_syndicate_token && ${#BASH_REMATCH[0]} -lt 1000) || ${text:at} =~ $_syndicate_token ]] || return 1
    token=${BASH_REMATCH[0]} at=$((at + ${#BASH_REMATCH[0]}))
    case $token in
      '[' | '{' | '<' | '#[' | '#{') if ((depth++)); then item+=$token; fi; continue ;;
      ']' | '}' | '>') ((--depth)) || return 0; item+=$token ;;
      [$' \t\r\n,:']*) ((depth == 1)) || item+=$token; continue ;;
      *) item+=$token; [[ $token != '#:' ]] || continue ;;
    esac
    ((depth > 1)) || ITEMS+=("$item") item=''
  done
}
syndicate_connect() { # ADDRESS: tcp:HOST:PORT, tls:HOST:PORT, unix:PATH, stdio:, or a record: <tcp "HOST" PORT>, <unix "PATH">
  local kind=${1%%:*} where=${1#*:} host port program name=(-verify_hostname) mark REPLY
  if [[ $1 == '<'* ]]; then syndicate_items "$1"; kind=${ITEMS[0]} port=${ITEMS[2]-}; syndicate_text "${ITEMS[1]}"; where=$REPLY${port:+:$port}; fi
  port=${where##*:} host=${where%:*}; host=${host#[}; host=${host%]}
  [[ $(trap -p PIPE) ]] || trap : PIPE # a broken link is an answer, and no reason to die
  case $kind in
    tcp) { exec {SYNDICATE_IN}<>"/dev/tcp/$host/$port"; } 2>/dev/null || { SYNDICATE_IN=''; _syndicate_fail "nobody answers at $1"; return; }
      SYNDICATE_OUT=$SYNDICATE_IN; return ;;
    stdio) exec {SYNDICATE_IN}<&0 {SYNDICATE_OUT}>&1 </dev/null >&2; SYNDICATE_SPACE=0; return ;; # what is printed goes to stderr
    tls) [[ ! $host =~ ^[0-9.]+$|: ]] || name=(-noservername -verify_ip) # $SYNDICATE_CAFILE: a certificate or an authority to trust besides the system's
      program=(openssl s_client -quiet -no_ign_eof -nocommands -verify_quiet -verify_return_error -partial_chain -connect "$where"
        "${name[@]}" "$host" ${SYNDICATE_CAFILE:+-CAfile "$SYNDICATE_CAFILE"}) ;;
    unix) mark=$(nc -h 2>&1 || :) program=(nc -U "$where"); [[ $mark != *-N* ]] || program=(nc -N -U "$where") # it passes our end on
      if [[ $mark != *-U* ]]; then
        for mark in \\ : ',' ! \" \' '(' '[' '{'; do where=${where//"$mark"/"\\$mark"}; done # what means something to socat
        program=(socat - "UNIX-CONNECT:$where")
      fi ;;
    *) _syndicate_fail "$1 is no address: tcp:HOST:PORT, tls:HOST:PORT, unix:PATH, stdio:"; return ;;
  esac
  command -v "${program[0]}" >/dev/null || { _syndicate_fail "for $kind, install ${program[0]/#socat/netcat-openbsd or socat}"; return; }
  coproc SYNDICATE_LINK { exec "${program[@]}"; }
  SYNDICATE_PID=$!; set -- "${SYNDICATE_LINK[@]}"; eval "exec {SYNDICATE_IN}<&$1 {SYNDICATE_OUT}>&$2 $1<&- $2>&-"
}
_syndicate_send() { { [[ $SYNDICATE_OUT ]] && printf '[%s]\n' "$1" >&"$SYNDICATE_OUT"; } 2>/dev/null || _syndicate_fail 'the link is over' 2; }
_syndicate_packet() { # PACKET: what the server says
  local event oid kind body id ITEMS; [[ $1 =~ ^(\[|<error) ]] && syndicate_items "$1" || return 0 # else a Nop, or an extension
  if [[ $1 == '<error'* ]]; then _syndicate_over; _syndicate_fail "the server ends the session: ${ITEMS[*]:1}" 2; return; fi
  for event in "${ITEMS[@]}"; do
    syndicate_items "$event" || continue; oid=${ITEMS[0]-}; syndicate_items "${ITEMS[1]-}" || continue
    kind=${ITEMS[0]} body=${ITEMS[1]-} id=$oid.${ITEMS[2]-${ITEMS[1]-}}
    case $kind in
      A) kind=add; [[ ! $id =~ ^[0-9]+\.[0-9]+$ ]] || SYNDICATE_SAID[$id]=$body ;;
      R) kind=remove; [[ $id =~ ^[0-9]+\.[0-9]+$ ]] || continue; body=${SYNDICATE_SAID[$id]-}; unset "SYNDICATE_SAID[$id]" ;;
      M) kind=message ;;
      *) [[ $kind != S ]] || syndicate_message '#t' "$body"; continue ;;
    esac
    syndicate_items "$body" || ITEMS=("$body")
    [[ ! ${SYNDICATE_CALLS[$oid]-} ]] || "${SYNDICATE_CALLS[$oid]}" "$kind" "${ITEMS[@]}"
  done; return 0
}
syndicate_step() { # [SECONDS]: wait for a packet, and call functions for what it says; 1 where none came, 2 where the link is over
  local line status=0; [[ $SYNDICATE_IN ]] || return 2; IFS= read -r -u "$SYNDICATE_IN" ${1:+-t "$1"} line || status=$?
  SYNDICATE_PART+=$line; if ((status > 128)); then return 1; elif ((status)); then _syndicate_over; return 2; fi
  line=$SYNDICATE_PART SYNDICATE_PART=''; _syndicate_packet "$line"
}
syndicate_run() { while syndicate_step; do :; done; } # until the link is over
_syndicate_over() { # the link has ended, and with it all that the server has said
  local id; [[ $SYNDICATE_IN ]] || return 0
  [[ ! $SYNDICATE_PID ]] || { kill "$SYNDICATE_PID"; wait "$SYNDICATE_PID"; } 2>/dev/null || :
  exec {SYNDICATE_OUT}>&- {SYNDICATE_IN}<&-
  SYNDICATE_IN='' SYNDICATE_OUT='' SYNDICATE_PID='' SYNDICATE_PART='' SYNDICATE_SPACE='' SYNDICATE_AT=()
  for id in "${!SYNDICATE_SAID[@]}"; do _syndicate_packet "[[${id%.*} <R ${id#*.}>]]"; done
}
_syndicate_answered() { SYNDICATE_ANSWER=("$@"); }
_syndicate_ask() { # TARGET SECONDS BEFORE AFTER: send an event, with a new observer of ours between, and wait for what it is told
  local end=$((SECONDS + $2)) id=$((++SYNDICATE_ID)); SYNDICATE_ANSWER=() SYNDICATE_CALLS[$id]=_syndicate_answered
  _syndicate_target "$1" && _syndicate_send "[$REPLY $3 #:[0 $id]$4]" || return
  until ((${#SYNDICATE_ANSWER[@]})); do
    if ((SECONDS > end)); then _syndicate_fail "no answer within $2 s"; return; fi
    syndicate_step 1 || (($? == 1)) || { _syndicate_fail 'the link is over' 2; return; }
  done; unset "SYNDICATE_CALLS[$id]"
}
syndicate_resolve() { # STURDYREF [SECONDS]: the number of what it stands for in REPLY; that is the TARGET where none is given from now on
  _syndicate_ask 0 "${2:-10}" "<A <resolve $1" "> $((SYNDICATE_ID + 1))>" || return
  [[ ${SYNDICATE_ANSWER[1]} == @(ok|accepted) ]] || { _syndicate_fail "the server refuses this reference: ${SYNDICATE_ANSWER[*]:2}"; return; }
  _syndicate_target "${SYNDICATE_ANSWER[2]}" && SYNDICATE_SPACE=$REPLY
}
syndicate_sync() { _syndicate_ask "${2-}" "${1:-10}" '<S' '>'; } # [SECONDS] [TARGET]: wait until all that was sent there is done
_syndicate_target() { # [NUMBER or reference]: the number of it in REPLY
  if [[ ${1:-$SYNDICATE_SPACE} =~ ^(#:\[\ *0[\ ,]+)?([0-9]+)\ *\]?$ ]]; then REPLY=${BASH_REMATCH[2]}; else _syndicate_fail "no reference: '$1'"; fi
}
syndicate_replace() { # HANDLE VALUE [TARGET]: assert VALUE, and take back HANDLE, where it is not empty, in the same turn; a new handle in REPLY
  local old=${1:+ [${SYNDICATE_AT[$1]} <R $1>]} id=$((++SYNDICATE_ID)); unset "SYNDICATE_AT[${1:-0}]"
  _syndicate_target "${3-}" && SYNDICATE_AT[$id]=$REPLY && _syndicate_send "[$REPLY <A $2 $id>]$old" && REPLY=$id
}
syndicate_assert() { syndicate_replace '' "$@"; } # VALUE [TARGET]: a handle in REPLY
syndicate_retract() { _syndicate_send "[${SYNDICATE_AT[$1]} <R $1>]" && unset "SYNDICATE_AT[$1]" "SYNDICATE_CALLS[$1]"; } # HANDLE
syndicate_message() { _syndicate_target "${2-}" && _syndicate_send "[$REPLY <M $1>]"; } # VALUE [TARGET]
# PATTERN FUNCTION [TARGET]: calls FUNCTION add|remove|message CAPTURE... from now on; a handle in REPLY
syndicate_observe() { SYNDICATE_CALLS[$((SYNDICATE_ID + 1))]=$2; syndicate_assert "<Observe $1 #:[0 $((SYNDICATE_ID + 1))]>" "${3-}"; }
syndicate_close() { SYNDICATE_CALLS=(); [[ ! $SYNDICATE_IN ]] || syndicate_sync 2 0; _syndicate_over; } # what was sent is done before
