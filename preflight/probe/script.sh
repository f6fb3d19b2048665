# What a host has: reads requests on standard input, prints frames, writes nowhere.
#
# Sent by preflight.probe.script, which says how it gets here; the first line
# that it reads is the nonce that marks each frame.  No path ever becomes shell
# code: paths arrive as plain words or in octal, and every expansion is quoted.
# Runs under dash, bash, busybox ash, mksh and zsh alike.
# shellcheck shell=sh
#
# A frame is "NONCE KIND INDEX LENGTH", a line feed, LENGTH bytes, a line feed.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
export LC_ALL PATH
set -f
IFS=' '
newline='
'

frame() { # KIND INDEX TEXT
  length=$(printf '%s' "$3" | wc -c)
  printf '%s %s %s %s\n%s\n' "$nonce" "$1" "$2" "$((length))" "$3"
}

# --- facts: raw outputs, parsed by preflight.probe.facts ---

section() { printf '\n%s %s\n' "$nonce" "$1"; }

show() { # FILE: without a process; the last line need not be ended
  line=
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$1"
}

show_file() { # SECTION FILE
  if [ -r "$2" ]; then section "$1"; cat "$2"; fi
}

show_small() { # SECTION FILE
  if [ -r "$2" ]; then section "$1"; show "$2"; fi
}

loaders() {
  set +f
  for p in /lib/ld-linux*.so.* /lib/ld-musl-*.so.* /lib/ld64.so.* /lib/ld.so.* \
    /lib64/ld-linux*.so.* /lib64/ld-musl-*.so.* /lib64/ld64.so.* /lib64/ld.so.* \
    /lib32/ld-linux*.so.* /libx32/ld-linux*.so.* /lib/ld-uClibc*.so.* /lib/ld64-uClibc*.so.* \
    /system/bin/linker /system/bin/linker64
  do
    if [ -e "$p" ]; then printf '%s\n' "$p"; fi
  done
  set -f
}

handlers() { # DIRECTORY
  set +f
  for p in "$1"/*; do
    case $p in */register | */\*) continue ;; esac
    printf '= %s\n' "${p##*/}"
    show "$p"
  done
  set -f
}

binfmt() { # where it is mounted, else where the first process sees it mounted
  at=/proc/sys/fs/binfmt_misc
  if [ ! -r "$at/status" ] && [ -r /proc/1/mountinfo ]; then
    section initmounts
    while IFS= read -r line; do
      case $line in
      *' - binfmt_misc '*)
        printf '%s\n' "$line"
        # shellcheck disable=SC2086  # the fifth word is the mount point
        set -- $line
        at=/proc/1/root$5
        ;;
      esac
    done </proc/1/mountinfo
  fi
  if [ -r "$at/status" ]; then section binfmt; handlers "$at"; fi
}

facts() {
  section tools; printf 'stat=%s\nreal=%s\nhash=%s\n' "$stat" "$real" "$hash"
  section clock; date +%s
  section uname; uname -srm
  section ids; id -u; id -G; id -un
  for p in /etc/os-release /usr/lib/os-release; do
    if [ -r "$p" ]; then show_file os "$p"; break; fi
  done
  section ldd; ldd --version 2>&1
  section loaders; loaders
  if [ -r /proc/self/stat ]; then
    section proc
    section cpu; head -c 8192 /proc/cpuinfo
    show_file mountinfo /proc/self/mountinfo
    show_small filesystems /proc/filesystems
    show_small cmdline /proc/cmdline
    if [ -e /proc/sys/abi ]; then
      section abi
      if [ -e /proc/sys/abi/vsyscall32 ]; then printf 'vsyscall32\n'; fi
    fi
    binfmt
    show_small kthreadd /proc/2/comm
  fi
  if [ -e /sys/fs/selinux ]; then section selinuxfs; fi
  show_small selinux /sys/fs/selinux/enforce
}

# --- answers ---

state_stat() { stat -L -c '%f %u %g %d %i %s %Y %Z' "$@"; }
state_ls() { # one line each, whatever the name is
  for p do
    said=$(ls -Lidn "$p") && printf '%s\n' "${said%%"$newline"*}"
  done
}
real_realpath() { realpath "$@"; }
real_readlink() { for p do readlink -f "$p"; done; }
real_none() { for p do printf '\n'; done; }
hash_sha256sum() { sha256sum "$@"; }
hash_openssl() { openssl dgst -sha256 -r "$@"; }
hash_shasum() { shasum -a 256 "$@"; }
hash_none() { :; }

choose_tools() {
  stat=ls real=none hash=none
  case $(stat -L -c %f / 2>&1) in 4???) stat=stat ;; esac
  case $(readlink -f / 2>&1) in /) real=readlink ;; esac
  case $(realpath / / 2>&1) in "/$newline/") real=realpath ;; esac
  for tool in shasum openssl sha256sum; do
    if [ -n "$(command -v $tool)" ]; then hash=$tool; fi
  done
}

present() {
  for p do shift; if [ -e "$p" ]; then set -- "$@" "$p"; fi; done
  if [ $# -gt 0 ]; then "state_$stat" "$@"; "real_$real" "$@"; fi
}

missing() { # the error lines tell why
  for p do shift; if [ ! -e "$p" ]; then set -- "$@" "$p"; fi; done
  if [ $# -gt 0 ]; then "state_$stat" "$@" 2>&1; fi
}

states() { # INDEX PATH...: which are there, their states, their real paths, the errors, "."
  first=$1 bits=
  shift
  for p do if [ -e "$p" ]; then bits=${bits}1; else bits=${bits}0; fi; done
  frame S "$first" "$bits$newline$(present "$@"; missing "$@"; printf .)"
}

hashes() { # INDEX PATH...: never opens what could block, such as a FIFO
  first=$1
  shift
  for p do shift; if [ -f "$p" ] && [ -r "$p" ]; then set -- "$@" "$p"; fi; done
  if [ $# -gt 0 ]; then frame H "$first" "$("hash_$hash" "$@")"; fi
}

raw() { # KIND INDEX LENGTH: bytes of standard input; nonces fill up what a file lost meanwhile
  printf '%s %s %s %s\n' "$nonce" "$1" "$2" "$3"
  if [ "$3" -gt 0 ]; then { cat; yes "$nonce"; } | head -c "$3"; fi
  printf '\n'
}

content() { # INDEX PATH LIMIT
  if [ ! -f "$2" ]; then return; fi
  if size=$(wc -c "$2" 2>&1); then
    size=${size%%[!0-9]*}
    # shellcheck disable=SC2002  # with "<", a file that has gone is an error of the shell
    if [ "$size" -le "$3" ]; then cat "$2" | raw C "$1" "$size"; fi
  else
    frame E "$1" "$size"
  fi
}

range() { # INDEX PATH SKIP COUNT, in blocks of 64 KiB
  if [ -f "$2" ] && [ -r "$2" ]; then
    dd if="$2" bs=65536 skip="$3" count="$4" 2>&- | raw P "$1" "$(($4 * 65536))"
  fi
}

list() { # INDEX PATH: no name has a slash in it, so that one ends each name
  if [ ! -d "$2" ] || [ ! -r "$2" ] || [ ! -x "$2" ]; then return; fi
  first=$1
  set +f
  set -- "$2"/* "$2"/.*
  set -f
  frame L "$first" "$(for p do
    if [ -e "$p" ] || [ -L "$p" ]; then printf '%s/' "${p##*/}"; fi
  done)"
}

facts_and_heads() { # INDEX [WITH_SECRETS]: the latter is for audit.sh, which is there then
  frame F "$1" "$(facts; if [ -n "${2-}" ]; then audit "$2"; fi)"
  head_of X "$1" /proc/self/auxv 4096
  head_of B "$1" /bin/sh 20
}

head_of() { # KIND INDEX FILE LIMIT
  if [ -r "$3" ]; then
    size=$(head -c "$4" "$3" | wc -c)
    head -c "$4" "$3" | raw "$1" "$2" "$((size))"
  fi
}

# --- what applications need: a line "said", "absent" or "failed WHY", then raw text ---

show_part() { head -c 8192 "$1"; }

limited() { # SECONDS COMMAND...: what it prints, then how it ended; who keeps the pipe open is left
  seconds=$1
  shift
  {
    timeout -s KILL "$seconds" "$@" </dev/null
    printf '\nexit %s\n' "$?"
  } 2>&1 | timeout -s KILL "$((seconds + 1))" head -c 8192
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
  name=$1 directories=$2 found=
  shift 2
  IFS=:
  for directory in $directories; do
    if [ -f "$directory/$name" ] && [ -x "$directory/$name" ]; then
      found=$directory/$name
      break
    fi
  done
  IFS=' '
  if [ -z "$found" ]; then
    printf 'absent\n'
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

looked() { # INDEX CODE WORD...: what the code prints, which is preflight's own
  first=$1 code=$2
  shift 2
  frame K "$first" "$(eval "$code")"
}

answer() { # OPERATION INDEX PATH ARGUMENT...
  case ${3-} in
  *\\*) # in octal; the "." saves line feeds at its end
    operation=$1 index=$2 decoded=$(printf '%b.' "$3")
    shift 3
    set -- "$operation" "$index" "${decoded%.}" "$@"
    ;;
  esac
  operation=$1
  shift
  case $operation in
  F) facts_and_heads "$@" ;;
  S) states "$@" ;;
  H) hashes "$@" ;;
  C) content "$@" ;;
  P) range "$@" ;;
  L) list "$@" ;;
  Q) ask "$@" ;;
  K) looked "$@" ;;
  esac
}

collect() { # all of a round is read before any of it is answered, or both ends could block
  round=
  while IFS= read -r line <&3; do
    if [ "$line" = . ]; then return 0; fi
    round=$round$line$newline
  done
  return 1
}

serve() {
  while collect; do
    IFS=$newline
    # shellcheck disable=SC2086  # the lines of a round; globbing is off
    set -- $round
    IFS=' '
    for line do
      # shellcheck disable=SC2086  # its words: none holds a blank or is expanded
      set -- $line
      answer "$@"
    done
    wait
    printf '%s end\n' "$nonce"
  done
}

tries=0
exec 3<&0
if [ -r /dev/null ]; then exec </dev/null; fi # no command may swallow requests
IFS= read -r nonce <&3
choose_tools
printf '\nhello %s\n' "$nonce"
serve
