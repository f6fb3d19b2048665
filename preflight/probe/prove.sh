# Lets the host's own loader trace a program, in a private directory that is gone afterwards.
#
# Sent by preflight.probe.prove, in the way of script.sh, with which it shares
# its rules: what it reads are words, plain or in octal, and every expansion is
# quoted.  The program is never executed, and its copy is not executable.
# shellcheck shell=sh

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
export LC_ALL PATH
set -f -C # what is written is new: no link that somebody put there is followed
umask 077
IFS=' '
most=4194304 # bytes of it that are sent
home='' link=''

frame() { # KIND TEXT
  length=$(printf '%s' "$2" | wc -c)
  printf '%s %s 0 %s\n%s\n' "$nonce" "$1" "$((length))" "$2"
}

clean() { # removes what was made; nothing may come between
  trap '' HUP INT TERM PIPE
  cd /
  if [ -n "$link" ]; then rm -f "$link"; fi
  if [ -n "$home" ]; then rm -rf "$home"; fi
}

finish() { # says whether anything was left behind
  clean
  trap - EXIT
  left=
  if [ -n "$home" ] && [ -e "$home" ]; then left=$home; fi
  frame G "$left"
  printf '%s end\n' "$nonce"
}

refuse() { # WHY: and takes what is still to come, or the other end blocks
  frame N "$1"
  finish
  cat >/dev/null <&3
  exit 0
}

words() { # reads one line of words; each decoded one is handed to the command in "$@"
  IFS= read -r line <&3 || exit 1
  # shellcheck disable=SC2086  # its words: none holds a blank or is expanded
  for word in $line; do
    case $word in
    *\\*) # in octal; the "." saves line feeds at its end
      word=$(printf '%b.' "$word")
      word=${word%.}
      ;;
    esac
    set -- "$@" "$word"
  done
  "$@"
}

make_home() { # LEAF DIRECTORY...: in the first that can be written to
  leaf=$1
  shift
  for directory do
    if [ -d "$directory" ] && [ -w "$directory" ]; then
      directory=$(cd "$directory" && pwd -P)
      home=$directory/$leaf
      if said=$(mkdir -m 700 "$home" 2>&1); then return 0; fi
      home=
    fi
  done
  refuse "none of these can be written to: $*; $said"
}

remove() { # LEAF DIRECTORY...: what an earlier run may have left
  leaf=$1
  shift
  for directory do
    if [ -d "$directory" ]; then
      directory=$(cd "$directory" && pwd -P)
      home=$directory/$leaf link=$directory/$leaf.link
      clean
      if [ -e "$home" ]; then break; fi
    fi
  done
  finish
}

digest() { # FILE
  if [ -n "$(command -v sha256sum)" ]; then sha256sum <"$1"
  elif [ -n "$(command -v openssl)" ]; then openssl dgst -sha256 -r <"$1"
  elif [ -n "$(command -v shasum)" ]; then shasum -a 256 <"$1"
  fi
}

receive() { # SIZE LINKED: the copy, and what to call it; some heads read on, so it comes last
  if [ "$1" = 0 ]; then refuse 'it was called off'; fi
  file=$home/program
  said=$(head -c "$1" 2>&1 >"$file" <&3)
  size=$(wc -c <"$file")
  if [ "$((size))" != "$1" ]; then
    refuse "only $((size)) of $1 bytes could be written to $home: $said"
  fi
  frame H "$(digest "$file")"
  if [ "$2" = 1 ]; then # a hard link: glibc 2.43 resolves a symbolic one
    link=$home.link
    if ! said=$(ln "$file" "$link" 2>&1); then refuse "$said"; fi
    file=$link
  fi
}

watch() { # PID: ends a trace that hangs
  nap=
  trap 'if [ -n "$nap" ]; then kill "$nap"; fi; exit 0' TERM
  sleep "$limit" &
  nap=$!
  wait "$nap"
  kill -KILL "$1"
}

run() { # DIRECTORY COMMAND...
  cd "$1" || return
  shift
  "$@" </dev/null 2>&1 &
  traced=$!
  watch "$traced" >/dev/null 2>&1 </dev/null &
  dog=$!
  { wait "$traced"; status=$?; } 2>/dev/null
  { kill -TERM "$dog"; wait "$dog"; } 2>/dev/null
  printf '\nstatus %s' "$status" # where it is missing, the rest was cut off
}

trace() { # SIZE LINKED SECONDS DIRECTORY INTERPRETER OPTION VARIABLE...
  receive "$1" "$2"
  limit=$3 directory=$4 interpreter=$5 option=$6
  shift 6
  if [ ! -x "$interpreter" ]; then refuse "$interpreter is not there, or cannot be executed"; fi
  set -- env -i "$@" "$interpreter"
  if [ "$option" != - ]; then set -- "$@" "$option"; fi
  frame T "$file"
  run "$directory" "$@" "$file" | head -c "$most" >"$home/said"
  length=$(wc -c <"$home/said")
  printf '%s O 0 %s\n' "$nonce" "$((length))"
  cat "$home/said"
  printf '\n'
}

exec 3<&0
if [ -r /dev/null ]; then exec </dev/null; fi # no command may swallow the program
IFS= read -r nonce <&3
printf '\nhello %s\n' "$nonce"
trap clean EXIT
trap 'exit 1' HUP INT TERM PIPE
IFS= read -r task <&3 || exit 1
case $task in
remove) words remove ;;
prove)
  words make_home
  frame D "$home"
  words trace
  finish
  ;;
esac
