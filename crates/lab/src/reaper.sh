# Watches over the servers of one lab process: its standard input closes when that process ends, however it ends.
# Each line of input: signal, pid, start time. Then: end those processes (and only those), and remove the folder.
root=$1

# Whether that very process runs: number and start time agree, and it is no zombie.
alive() {
  [ -r "/proc/$1/stat" ] &&
    [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1,20 | sed 's/^[ZX].*//; s/^. //')" = "$2" ]
}

children() {
  grep -l "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3
}

list=
while read -r signal pid started; do
  list="$list $signal:$pid:$started"
done

for item in $list; do
  signal=${item%%:*} rest=${item#*:}
  pid=${rest%%:*} started=${rest#*:}
  alive "$pid" "$started" || continue
  kill -"$signal" "$pid" 2>/dev/null
  # A frozen server, or a frozen child that it would wait for, must wake up to end.
  kill -CONT $(children "$pid") "$pid" 2>/dev/null
done
for item in $list; do
  rest=${item#*:}
  pid=${rest%%:*} started=${rest#*:} tries=0
  while alive "$pid" "$started"; do
    tries=$((tries + 1))
    [ "$tries" -eq 100 ] && kill -KILL $(children "$pid") "$pid" 2>/dev/null
    [ "$tries" -gt 200 ] && break
    sleep 0.05
  done
done

# A PostgreSQL server that was killed leaves a System V segment; its number is in the file that it left too.
for file in "$root"/*/data/postmaster.pid; do
  [ -r "$file" ] && id=$(sed -n 7p "$file" | awk '{print $2}') && [ -n "$id" ] && ipcrm -m "$id" 2>/dev/null
done
for disk in "$root"/disk*; do
  [ -d "$disk" ] && umount -l "$disk" 2>/dev/null
done
rm -rf "$root"
