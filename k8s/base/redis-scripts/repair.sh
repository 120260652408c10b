#!/bin/sh
# Mends what a power cut leaves at the end of the append-only file, and nothing else.
#
# Redis loads a file that ends in the middle of a command; one whose end is zeros or rubbish it refuses, for ever. So:
# a file that is valid is left alone; of one that is broken only at its very end, in its last part, that end is kept
# aside and cut off; anything else stops with a sentence, for whole commands after the broken place would be lost.
# https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
set -eu

most=1048576 # bytes that an end may have
data=${1:-/data}
folder=$data/appendonlydir
manifest=$folder/appendonly.aof.manifest

stop() { echo "repair: $*" >&2; exit 1; }

[ -f "$manifest" ] || { echo "repair: no append-only file yet"; exit 0; }

if report=$(redis-check-aof "$manifest" 2>&1 </dev/null); then
  echo "repair: the append-only file is valid"
  exit 0
fi

# "AOF analyzed: filename=…, size=…, ok_up_to=…, ok_up_to_line=…, diff=…", for the part that is broken
analyzed=$(printf '%s\n' "$report" | grep -a 'ok_up_to=' | tail -n 1)
value() { printf '%s\n' "$analyzed" | sed -n "s/.*[ ,]$1=\([^,]*\).*/\1/p"; }
part=$(value filename)
size=$(value size)
whole=$(value ok_up_to)
last=$(awk '$1 == "file" && $NF == "i" {name = $2} $0 ~ / type i/ {name = $2} END {print name}' "$manifest")

[ -n "$part" ] && [ -n "$size" ] && [ -n "$whole" ] ||
  stop "the append-only file cannot be read, and not because of its end; restore $folder from a backup. $report"
[ "$(basename "$part")" = "$last" ] ||
  stop "$part is broken, which is not the part written last ($last); restore $folder from a backup"
[ $((size - whole)) -le $most ] ||
  stop "$part is broken $((size - whole)) bytes before its end, which no power cut does; restore $folder from a backup"

# Is it an end? Without the zeros that a power cut leaves, it is one if it stops in the middle of a command, or if
# no command begins behind the place where the reader met something else.
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
tail -c "+$((whole + 1))" "$folder/$last" > "$scratch"
kept=$(od -An -v -tx1 -w1 "$scratch" | awk '$1 != "00" {kept = NR} END {print kept + 0}')
truncate -s "$kept" "$scratch"
if ! closer=$(redis-check-aof "$scratch" 2>&1 </dev/null); then
  met=$(printf '%s\n' "$closer" | sed -n 's/^0x *\([0-9a-fA-F]*\): Expected \(prefix\|[^t]\).*/0x\1/p' | tail -n 1)
  case $closer in
    *"format error"*) met=${met:-$(printf '%s\n' "$closer" | sed -n 's/.*ok_up_to=\([0-9]*\),.*/\1/p')} ;;
  esac
  cr=$(printf '\r')
  if [ -n "$met" ] && tail -c "+$((met + 1))" "$scratch" | tr '\000' '\n' |
    grep -a -A 1 "^\*[1-9][0-9]*$cr\$" | grep -a -q "^\\\$[0-9]*$cr\$"; then
    stop "$part is broken at byte $((whole + met)) of $size, and whole commands follow; restore $folder from a backup, or cut it by hand with redis-check-aof --fix and lose them"
  fi
fi

# Appended to the mended part, what is kept aside gives the part as it was.
aside=$data/quarantine-$(date -u +%Y%m%dT%H%M%SZ)
end=$aside/$last.from-$whole
{ mkdir -p "$aside" && tail -c "+$((whole + 1))" "$folder/$last" > "$end" && sync "$end" "$aside" "$data"; } 2>/dev/null ||
  stop "there is no room on the volume to keep the broken end of $part; make some, $most bytes do"
yes | redis-check-aof --fix "$manifest" >/dev/null 2>&1 || true
redis-check-aof "$manifest" >/dev/null 2>&1 </dev/null ||
  stop "$part could not be mended; its end is in $end"
echo "repair: the last $((size - whole)) bytes of $part were no whole command and were cut off; they are in $end"
