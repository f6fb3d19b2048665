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
  case $(stat -L -c %f / 2>&-) in 4???) stat=stat ;; esac
  case $(readlink -f / 2>&-) in /) real=readlink ;; esac
  case $(realpath / / 2>&-) in "/$newline/") real=realpath ;; esac
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
  if size=$(wc -c "$2" 2>&-); then
    size=${size%%[!0-9]*}
    # shellcheck disable=SC2002  # with "<", a file that has gone is an error of the shell
    if [ "$size" -le "$3" ]; then cat "$2" | raw C "$1" "$size"; fi
  else
    frame E "$1" "$(wc -c "$2" 2>&1)"
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

exec 3<&0
if [ -r /dev/null ]; then exec </dev/null; fi # no command may swallow requests
IFS= read -r nonce <&3
choose_tools
printf '\nhello %s\n' "$nonce"
serve
