# Runs a tool for as long as standard input stays open: it closes when greylag lets go of it, or ends, however it ends.
# Each line of input is the name of a signal for the tool. Arguments: a folder to remove at the end, the tool, its arguments.
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
tool=$!
(
  while read -r signal; do kill -"$signal" "$tool"; done
  # From here on what waits for the tool does not end this before it has cleared away.
  trap '' TERM
  kill -TERM "$tool"
  tries=0
  while kill -0 "$tool" && [ "$tries" -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  kill -KILL "$tool"
  rm -rf "$folder"
  # What the tool has started, and this, which is of the same group.
  kill -KILL 0
) <&3 >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$tool"
code=$?
# What the tool has started and left behind ends with it: it may still write to the shard. The rest of the group is this alone.
trap '' TERM
(
  kill -TERM 0
  sleep 5
  kill -KILL 0
) </dev/null >/dev/null 2>&1 &
kill "$watch" 2>/dev/null
exit "$code"
