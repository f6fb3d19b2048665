# What an audit asks beyond the facts of script.sh, before which it is sent, and only then.
#
# The same rules hold here: reads, writes nowhere, and no name becomes shell code.
# What may wait for a dead file server is killed after 5 seconds.
# shellcheck shell=sh

audit() { # WITH_SECRETS: sections beside those of `facts`
  section memory; first_lines 3 /proc/meminfo
  show_small cpus /sys/devices/system/cpu/online
  section disks; disks
  booted
  show_small apparmor /sys/module/apparmor/parameters/enabled
  section fapolicyd; there /run/fapolicyd.pid /run/fapolicyd/fapolicyd.fifo
  section packages; there /usr/bin/apt-get /usr/bin/dnf /usr/bin/yum /usr/bin/zypper \
    /usr/bin/transactional-update /sbin/apk /usr/bin/pacman /usr/sbin/pkg /usr/bin/emerge \
    /usr/bin/xbps-install /bin/opkg /usr/bin/nix-env /usr/bin/rpm-ostree \
    /run/current-system/sw/bin/nix-env /usr/bin/dpkg /usr/bin/rpm
  section sshd; sshd_policy
  section watchers; watchers
  if [ "$1" -eq 1 ]; then section exposed; exposed; fi
}

bounded() { # COMMAND ARGUMENT...: "= STATUS" at the end
  # shellcheck disable=SC2086  # none or one word
  timeout -s KILL $dash_t 5 "$@" 2>&-
  printf '= %s\n' $?
}

disks() { # df always prints a line: where it does not, this is the old busybox, which wants -t
  for dash_t in '' -t; do
    said=$(bounded df -Pk / /usr /usr/local /opt /srv /var /home /tmp /var/tmp /run)
    # shellcheck disable=SC2154  # of script.sh
    case $said in
    *"$newline"*)
      printf '%s\n' "$said"
      return
      ;;
    esac
  done
  dash_t=none
}

first_lines() { # COUNT FILE
  if [ ! -r "$2" ]; then return; fi
  left=$1
  while [ "$left" -gt 0 ] && IFS= read -r line; do
    printf '%s\n' "$line"
    left=$((left - 1))
  done <"$2"
}

there() { for p do if [ -e "$p" ]; then printf '%s\n' "$p"; fi; done; }

booted() { # what process 1 is, and in which namespaces we are
  show_small init /proc/1/comm
  section boot; there /run/systemd/system /run/openrc /.dockerenv /run/.containerenv \
    /run/systemd/container /dev/lxd/sock /proc/vz /proc/bc
  show_small manager /run/systemd/container
  section pidns; readlink /proc/self/ns/pid 2>&-
}

# --- sshd: the lines that decide, in the order in which it reads them ---

sshd_policy() {
  for p in /etc/ssh/sshd_config /usr/etc/ssh/sshd_config; do
    if [ -e "$p" ]; then
      sshd_file "$p" 0
      section sshdversion; sshd -V 2>&1
      return
    fi
  done
}

sshd_file() { # FILE DEPTH: servconf.c ends at a depth of 16
  if [ ! -r "$1" ] || [ ! -f "$1" ] || [ "$2" -gt 16 ]; then printf '! %s\n' "$1"; return; fi
  printf '< %s\n' "$1"
  grep -aiE '^[[:space:]]*"?(match|include|passwordauthentication|permitrootlogin|kbdinteractiveauthentication|challengeresponseauthentication|skeyauthentication|usepam|authenticationmethods)"?[[:space:]=]' "$1" |
    while IFS= read -r line; do
      printf '%s\n' "$line"
      case $line in
      *[Ii][Nn][Cc][Ll][Uu][Dd][Ee]*) sshd_include "$2" "$line" ;;
      esac
    done
  printf '>\n'
}

sshd_include() { # DEPTH LINE
  depth=$1
  case $2 in
  *[=\"]*) words=$(printf '%s\n' "$2" | sed 's/^[[:space:]]*"*[Ii][Nn][Cc][Ll][Uu][Dd][Ee]"*[[:space:]=]*//') ;;
  *) words=${2#*[Ii][Nn][Cc][Ll][Uu][Dd][Ee]} ;;
  esac
  IFS=' 	'
  # shellcheck disable=SC2086  # words, expanded one by one below
  set -- $words
  IFS=' '
  for word do
    word=${word#\"} word=${word%\"}
    case $word in
    '#'*) return ;;
    /*) ;;
    *) word=/etc/ssh/$word ;;
    esac
    parent=${word%/*}
    case $parent in
    *[*?[]*) ;;
    *) if [ -d "$parent" ] && { [ ! -r "$parent" ] || [ ! -x "$parent" ]; }; then
      printf '! %s\n' "$word"
    fi ;;
    esac
    set +f
    IFS=
    # shellcheck disable=SC2086  # a pattern, as sshd has it
    set -- $word
    IFS=' '
    set -f
    for p do
      if [ -e "$p" ]; then (sshd_file "$p" $((depth + 1))); fi
    done
  done
}

# --- who watches: units that run, else processes by name; "Linux" shows that grep ran ---

watchers() {
  names='Linux$|[a-z-]*node[-_]exporter|prometheus|zabbix[-_]agent|datadog-agent|collectd|telegraf|netdata'
  names="$names|nrpe|nagios-nrpe|check[-_]mk|cmk-agent|newrelic-infra|grafana-agent|alloy|otelcol"
  names="$names|amazon-cloudwatc|google-cloud-op|azuremonitor|snmpd|munin-node|icinga2|sensu-agent|pmcd"
  names="$names|monit(\.service)?\$|vector(\.service)?\$|rsyslog|syslog|systemd-journal|filebeat|journalbeat"
  names="$names|metricbeat|auditbeat|fluent|td-agent|promtail|splunk|auditd|osqueryd|wazuh-|falcon-sensor"
  names="(^|/)($names|fail2ban)"
  set +f
  for d in /sys/fs/cgroup/system.slice /sys/fs/cgroup/systemd/system.slice; do
    if [ -d "$d" ]; then
      printf 'units\n'
      printf '%s\n' Linux "$d"/*.service | grep -E "$names"
      set -f
      return
    fi
  done
  printf 'processes\n'
  grep -hsE "$names" /proc/sys/kernel/ostype /proc/[0-9]*/comm
  set -f
}

# --- keys and passwords that everybody on the host may read: names and modes, no content ---

first_hundred() { # lines, and the last
  left=100
  while IFS= read -r line; do
    left=$((left - 1))
    case $left,$line in -*,'= '*) ;; -*) continue ;; esac
    printf '%s\n' "$line"
  done
}

exposed() { # a line "/bin/sh" shows that find understands its arguments
  if [ "$dash_t" = none ]; then return; fi
  at=/bin/sh
  for p in /root /home /opt /srv /var/www /etc/ssh /etc/ssl/private /etc/pki/tls/private; do
    if [ -d "$p" ]; then at="$at $p"; fi
  done
  # shellcheck disable=SC2086  # the words of above
  bounded find $at -xdev -maxdepth 3 -path /bin/sh -print -o -type d ! -perm -001 -prune -o -type f -perm -004 \
    '(' -name '.env' -o -name '.env.*' -o -name '.netrc' -o -name '.pgpass' -o -name '.my.cnf' \
    -o -name '.git-credentials' -o -name '.vault-token' -o -path '*/.aws/credentials' \
    -o -path '*/.docker/config.json' -o -path '*/.kube/config' -o -path '*/.ssh/id_*' \
    -o -name 'ssh_host_*_key' -o -path '*/private/*.key' -o -path '*/private/*.pem' ')' \
    ! -name '*.pub' ! -name '.env.example' ! -name '.env.sample' ! -name '.env.template' \
    -exec ls -ldn '{}' + | first_hundred
}
