# Which package has what: prints what the host's package manager has on disk.
#
# Each argument is one word: f=PATH, a file; s=SONAME, a library; c=SONAME,NODE,BITS, the
# same as RPM calls it; g=NAME, what a package may be called.  They hold no character that
# means anything to a shell, an awk program or (but for the dot) a basic regular expression.
# Nothing is locked, written or fetched: indexes are read as they lie in the managers' caches,
# and apt-cache is told to keep none of its own.  preflight.probe.packages reads the lines.
# shellcheck shell=sh

exec 2>&1
set -f
files='' sonames='' caps='' guesses=''
for word do
  case $word in
  f=*) files="$files ${word#f=}" ;;
  s=*) sonames="$sonames ${word#s=}" ;;
  c=*)
    word=${word#c=} mark=
    node=${word#*,}
    if [ "${word##*,}" = 64 ]; then mark='(64bit)'; fi
    caps="$caps ${word%%,*}(${node%,*})$mark"
    ;;
  g=*) guesses="$guesses ${word#g=}" ;;
  esac
done

# Both places of a file where /lib is a link to /usr/lib: packages name either.
places() { for p in $files; do printf '%s\n' "$p" "/usr$p" "${p#/usr}"; done; }

# --- dpkg and apt ---

of_symbols() { # names the packages that the control files of installed ones name
  set --
  for s in $sonames; do set -- "$@" -e "^$s " -e "^${s%%.so.*} ${s#*.so.} "; done
  if [ $# -gt 0 ]; then
    set +f
    grep -H "$@" /var/lib/dpkg/info/*.symbols /var/lib/dpkg/info/*.shlibs
    set -f
  fi
}

of_contents() { # FILE: what apt-file left
  set -- "$1"
  for s in $sonames; do set -- "$@" -e "/${s}[[:space:]]"; done
  for p in $files; do set -- "$@" -e "^${p#/}[[:space:]]"; done
  index=$1
  shift
  if [ $# -gt 0 ]; then /usr/lib/apt/apt-helper cat-file "$index" | grep "$@"; fi
}

contents() {
  set +f
  for index in /var/lib/apt/lists/*_Contents-*; do
    case $index in *\** | *source* | *udeb* | *diff*) continue ;; esac
    printf '= contents %s\n' "${index##*Contents-}"
    of_contents "$index"
  done
  set -f
}

apt() {
  printf '= manager apt-get\n= arch\n'
  # By its path: some shells of busybox prefer a dpkg of their own.
  /usr/bin/dpkg --print-architecture
  /usr/bin/dpkg --print-foreign-architectures
  # shellcheck disable=SC2046  # one place a word
  owners=$(dpkg-query -S $(places))
  found=$(of_symbols)
  listed=$(contents)
  printf '= owners\n%s\n= symbols\n%s\n%s\n' "$owners" "$found" "$listed"
  # shellcheck disable=SC2046  # one name a word
  set -- $({
    printf '%s\n' "$guesses"
    printf '%s\n' "$owners" | sed '/^diversion/d; /^dpkg/d; s/: .*//; s/,/ /g'
    printf '%s\n' "$found" | sed 's,.*/info/,,; s,\.[a-z]*:.*,,'
    printf '%s\n' "$listed" | sed -n 's,^[^=].*[[:space:]]\([^[:space:]]*\)$,\1,p' |
      tr , '\n' | sed 's,.*/,,'
  } | tr -s ' ' '\n' | sort -u)
  if [ $# = 0 ]; then return; fi
  printf '= installed\n'
  # shellcheck disable=SC2016  # dpkg-query's own names
  dpkg-query -W -f '${binary:Package}\t${Version}\t${db:Status-Status}\n' -- "$@"
  set +f
  for index in /var/lib/apt/lists/*_Packages*; do
    if [ -r "$index" ]; then printf '= lists\n'; break; fi
  done
  set -f
  printf '= policy\n'
  policy "$@" | grep -e '^[^ ]' -e '^  Candidate:'
}

policy() { # NAME...: by apt's own cache where it is newer than what it is made of; it is not made
  cache=/var/cache/apt/pkgcache.bin
  for made_of in /var/lib/dpkg/status /var/lib/apt/lists /etc/apt /etc/apt/sources.list \
    /etc/apt/sources.list.d
  do
    # shellcheck disable=SC3013  # -nt: dash, bash, busybox, mksh and zsh have it
    if [ -e "$made_of" ] && [ ! "$cache" -nt "$made_of" ]; then cache=; break; fi
  done
  if [ -n "$cache" ] && [ -r "$cache" ]; then
    apt-cache --no-generate policy -- "$@"
    return
  fi
  # apt reads signed lists through a file without a name: in memory, where that is to be had.
  if [ -d /dev/shm ] && [ -w /dev/shm ]; then TMPDIR=/dev/shm; export TMPDIR; fi
  apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= policy -- "$@"
}

# --- rpm ---

of_primary() { # what the index on standard input says of $wanted; Source: createrepo_c, xml_dump
  wanted=$1 awk '
    function value(name) {
      if (!match($0, name "=\"[^\"]*\"")) return ""
      return substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3)
    }
    function tell(key) { if (key in wanted) print key "\t" name "\t" evr "\t" arch }
    BEGIN {
      RS = "<"
      n = split(ENVIRON["wanted"], words, " ")
      for (i = 1; i <= n; i++) wanted[words[i]]
    }
    /^name>/ { name = substr($0, 6) }
    /^arch>/ { arch = substr($0, 6) }
    /^version / {
      epoch = value("epoch")
      evr = (epoch + 0 ? epoch ":" : "") value("ver") "-" value("rel")
      tell(name)
    }
    /^rpm:provides>/ { provides = 1 }
    /^\/rpm:provides>/ { provides = 0 }
    /^rpm:entry / { if (provides) tell(value("name")) }
    /^file>/ { tell(substr($0, 6)) }
  '
}

reader() { # FILE: what prints its content
  case $1 in
  *.gz) printf 'gzip -dc' ;;
  *.zst) printf 'zstd -dc' ;;
  *.xz) printf 'xz -dc' ;;
  *.bz2) printf 'bzip2 -dc' ;;
  *.xml) printf cat ;;
  *) printf 'no-reader' ;;
  esac
}

# Only lines that may matter reach awk: it is the slow one.
few_lines() { # KEY...
  # shellcheck disable=SC2046
  set -- -e '<name>' -e '<arch>' -e '<version ' -e 'rpm:provides>' \
    $(for key do printf -- '-e\n%s\n' "\"$key\"" ">$key<"; done)
  grep -F "$@"
}

rpm_cache() { # KEY...
  keys=$*
  set +f
  set -- /var/cache/dnf/*/repodata/*primary.xml* /var/cache/libdnf5/*/repodata/*primary.xml* \
    /var/cache/yum/*/*/repodata/*primary.xml* /var/cache/yum/*/*/*/repodata/*primary.xml* \
    /var/cache/zypp/raw/*/repodata/*primary.xml*
  set -f
  for index do
    if [ ! -r "$index" ]; then continue; fi
    tool=$(reader "$index")
    if [ -n "$(command -v "${tool%% *}")" ]; then
      printf '= index\n'
      # shellcheck disable=SC2086
      $tool <"$index" | few_lines $keys | of_primary "$keys"
    else
      printf '= unread %s\n' "${index##*/}"
    fi
  done
}

rpms() {
  manager=rpm
  for tool in yum microdnf dnf dnf5 zypper; do
    if [ -n "$(command -v $tool)" ]; then manager=$tool; fi
  done
  format='%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n'
  printf '= manager %s\n= owners\n' "$manager"
  # shellcheck disable=SC2046
  owners=$(for p in $(places); do
    if [ -e "$p" ]; then rpm -qf --qf "$p\t$format" "$p"; fi
  done)
  printf '%s\n= installed\n' "$owners"
  for cap in $caps; do rpm -q --qf "$cap\t$format" --whatprovides "$cap"; done
  # shellcheck disable=SC2086,SC2046
  rpm_cache $caps $files $guesses $(printf '%s\n' "$owners" | cut -s -f 2)
}

# --- apk ---

of_records() { # what the records on standard input say of $wanted; Source: apk-package(5)
  wanted=$1 awk '
    function tell(key) { if (key in wanted) print key "\t" name "\t" version "\t" arch }
    BEGIN {
      n = split(ENVIRON["wanted"], words, " ")
      for (i = 1; i <= n; i++) wanted[words[i]]
    }
    /^P:/ { name = substr($0, 3) }
    /^V:/ { version = substr($0, 3) }
    /^A:/ { arch = substr($0, 3); tell(name) }
    /^p:/ {
      n = split(substr($0, 3), words, " ")
      for (i = 1; i <= n; i++) { split(words[i], parts, "="); tell(parts[1]) }
    }
    /^F:/ { directory = "/" substr($0, 3) }
    /^R:/ { tell(directory "/" substr($0, 3)) }
  '
}

apks() {
  printf '= manager apk\n= installed\n'
  keys="$guesses $(places)"
  for s in $sonames; do keys="$keys so:$s"; done
  for p in $files; do keys="$keys cmd:${p##*/}"; done
  here=$(of_records "$keys" <"$1")
  printf '%s\n' "$here"
  keys="$keys $(printf '%s\n' "$here" | cut -s -f 2)"
  set +f
  for index in /var/cache/apk/APKINDEX.*.tar.gz /etc/apk/cache/APKINDEX.*.tar.gz; do
    if [ -r "$index" ]; then
      printf '= index\n'
      gzip -dc <"$index" | of_records "$keys"
    fi
  done
  set -f
}

if [ -s /var/lib/dpkg/status ]; then
  apt
elif [ -s /lib/apk/db/installed ]; then
  apks /lib/apk/db/installed
elif [ -s /usr/lib/apk/db/installed ]; then
  apks /usr/lib/apk/db/installed
elif [ -n "$(command -v rpm)" ]; then
  rpms
else
  printf '= manager none\n'
fi
printf '= end\n'
