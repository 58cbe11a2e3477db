# Watches over the servers of one lab process: its standard input closes when that process ends, however it ends.
# Each line of input: signal, pid, start time. Then: end those processes (and only those), and remove the folder.
root=$1
alive() { [ -r "/proc/$1/stat" ] && [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1,20 | sed 's/^Z.*//;s/^. //')" = "$2" ]; }
list=
while read -r signal pid started; do
  list="$list $signal:$pid:$started"
done
for item in $list; do
  signal=${item%%:*}; rest=${item#*:}; pid=${rest%%:*}; started=${rest#*:}
  if alive "$pid" "$started"; then kill -"$signal" "$pid" 2>/dev/null; kill -CONT "$pid" 2>/dev/null; fi
done
for item in $list; do
  rest=${item#*:}; pid=${rest%%:*}; started=${rest#*:}; tries=0
  while alive "$pid" "$started"; do
    tries=$((tries + 1))
    [ "$tries" -eq 60 ] && kill -KILL "$pid" 2>/dev/null
    [ "$tries" -gt 120 ] && break
    sleep 0.05
  done
done
# A PostgreSQL server that was killed leaves a System V segment; its number is in the file it left.
for file in "$root"/*/data/postmaster.pid; do
  [ -r "$file" ] && id=$(sed -n 7p "$file" | awk '{print $2}') && [ -n "$id" ] && ipcrm -m "$id" 2>/dev/null
done
for disk in "$root"/disk*; do
  [ -d "$disk" ] && umount -l "$disk" 2>/dev/null
done
rm -rf "$root"
