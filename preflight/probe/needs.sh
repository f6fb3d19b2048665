# What a manifest asks: the functions that script.sh calls for it, sent before it and only then.
#
# A topic is a function ask_TOPIC; it prints "said", "absent" or "failed WHY" in a line of its own,
# then raw text, which a file of preflight/judge/requirements reads.  The same rules hold here as in
# script.sh: nothing is written, no word becomes shell code.  What may hang is killed.
# shellcheck shell=sh
# shellcheck disable=SC2154  # the variables of script.sh

tries=0

show_part() { head -c 8192 "$1"; }

limited() { # SECONDS COMMAND...: what it prints, then how it ended; dd keeps nothing back
  seconds=$1
  shift
  {
    timeout -s KILL "$seconds" "$@" </dev/null
    printf '\nexit %s\n' "$?"
  } 2>&1 | timeout -s KILL "$((seconds + 1))" dd bs=1 count=8192 2>&-
}

has() { [ -n "$(command -v "$1")" ]; }

ask_read() { # PATH
  if [ -r "$1" ]; then
    printf 'said\n'
    show_part "$1"
  elif [ ! -e /proc/self/stat ]; then
    printf 'failed /proc is not mounted\n'
  elif [ -e "$1" ]; then
    printf 'failed EACCES\n'
  else
    printf 'absent\n'
  fi
}

ask_disk() { # PATH: of what is there already
  place=$1
  while [ ! -e "${place:-/}" ]; do place=${place%/*}; done
  place=${place:-/}
  if [ -d "$place" ] && [ "$place" != "$1" ] && [ ! -x "$place" ]; then
    printf 'failed EACCES\n'
    return
  fi
  printf 'said\n%s\n' "$place"
  limited 5 df -Pk "$place"
}

ask_command() { # NAME DIRECTORIES ARGUMENT...: is found, and run where there are arguments
  name=$1 directories=$2 found='' answer=absent
  shift 2
  IFS=:
  for directory in $directories; do
    if [ -f "$directory/$name" ] && [ -x "$directory/$name" ]; then
      found=$directory/$name
      break
    elif [ -d "$directory" ] && [ ! -x "$directory" ]; then
      answer="failed $directory may not be searched"
    fi
  done
  IFS=' '
  if [ -z "$found" ]; then
    printf '%s\n' "$answer"
    return
  fi
  printf 'said\n%s\n' "$found"
  if [ $# -gt 0 ]; then limited 5 "$found" "$@"; fi
}

ask_name() { # passwd|group NAME
  printf 'said\n'
  if has getent; then
    printf 'getent\n'
    limited 5 getent "$1" "$2"
    return
  fi
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in "$2":*) printf '%s\n' "$line" ;; esac
  done <"/etc/$1"
}

ask_ports() { # PROTOCOL HEXADECIMAL-PORT STATE
  if [ ! -r "/proc/net/$1" ]; then
    printf 'failed /proc/net/%s cannot be read\n' "$1"
    return
  fi
  printf 'said\n'
  for table in "/proc/net/$1" "/proc/net/${1}6"; do
    if [ -r "$table" ]; then
      grep -E "^ *[0-9]+: [0-9A-F]+:$2 [0-9A-F]+:[0-9A-F]+ $3 " "$table" | head -c 2048
    fi
  done
}

ask_clock() { printf 'said\n'; date +%s.%N; }

ask_cpus() { printf 'said\n'; limited 5 nproc; }

ask_package() { # NAME
  # shellcheck disable=SC2016  # the formats are dpkg's and rpm's own
  if [ -e /var/lib/dpkg/status ]; then
    printf 'said\ndpkg\n'
    limited 10 dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1"
  elif [ -e /var/lib/rpm ] || [ -e /usr/lib/sysimage/rpm ]; then
    printf 'said\nrpm\n'
    limited 10 rpm -q --qf 'installed %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' "$1"
  else
    printf 'failed the host has neither dpkg nor rpm\n'
  fi
}

ask_connect() { # HOST PORT
  if has bash; then
    printf 'said\nbash\n'
    # shellcheck disable=SC2016  # expanded by bash, as arguments
    limited 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && echo open' "$1" "$2"
  elif has python3; then
    printf 'said\npython3\n'
    limited 8 python3 -c 'import socket as s,sys;s.create_connection(sys.argv[1:],5);print("open")' "$1" "$2"
  elif has nc; then
    printf 'said\nnc\n'
    case $(nc --help 2>&1) in
    *BusyBox*'-e PROG'*) limited 5 nc -w 4 "$1" "$2" -e /bin/sh -c : ;;
    *) limited 5 nc -v -z -w 4 "$1" "$2" ;;
    esac
  else
    printf 'failed the host has none of bash, python3 and nc to try it with\n'
  fi
}

ask_fetch() { # URL
  if has curl; then
    printf 'said\ncurl\n'
    limited 10 curl -q -v -s -S -o /dev/null --noproxy '*' --connect-timeout 5 -m 8 \
      -w '\nhttp %{http_code}\n' -- "$1" | grep -E '^(http [0-9]|curl: |exit |.* failed: )'
  elif has python3; then
    printf 'said\npython3\n'
    limited 10 python3 -c 'import http.client as h,sys;from urllib.parse import urlsplit as u;x=u(sys.argv[1]);c=getattr(h,x.scheme.upper()+"Connection")(x.hostname,x.port,timeout=5);c.request("GET",x._replace(scheme="",netloc="",fragment="").geturl() or "/");print("\nhttp",c.getresponse().status)' "$1" | grep -E '^([A-Za-z.]+: |http |exit )'
  elif has wget && wget --version 2>&1 | grep -q GNU; then
    printf 'said\nwget\n'
    limited 10 wget --no-config --no-proxy -T 5 -t 1 --max-redirect 0 -S -O /dev/null "$1" |
      grep -E 'HTTP/|^exit |ailed|unable|ERROR|refused|timed'
  else
    printf 'failed the host has none of curl, python3 and GNU wget to try it with\n'
  fi
}

tried() { # INDEX FUNCTION WORD...: short enough to be written at once, among others like it
  index=$1
  shift
  frame Q "$index" "$("$@" | head -c 800)"
}

ask() { # INDEX TOPIC WORD...
  index=$1 topic=$2
  shift 2
  for p do
    shift
    case $p in *\\*) decoded=$(printf '%b.' "$p") p=${decoded%.} ;; esac
    set -- "$@" "$p"
  done
  case $topic in
  clock | cpus | read | disk | name | ports) frame Q "$index" "$("ask_$topic" "$@")" ;;
  command | package | connect | fetch)
    if ! has timeout; then
      frame Q "$index" 'failed the host has no timeout(1), and nothing is run without'
    elif [ "$topic" = connect ] || [ "$topic" = fetch ]; then
      # These come last in a round: nothing else is written meanwhile.
      tried "$index" "ask_$topic" "$@" &
      tries=$((tries + 1))
      if [ "$((tries % 16))" = 0 ]; then wait; fi
    else
      frame Q "$index" "$("ask_$topic" "$@")"
    fi
    ;;
  esac
}
