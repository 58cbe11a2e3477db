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
) <&3 >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$tool"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
