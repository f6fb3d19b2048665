"""Which roots are judged against which."""

from __future__ import annotations

from pathlib import Path

from tests.hosts import roots

# Servers, shells, languages, graphics tools: what stands in both releases.
FULL = tuple(
    """
acl apache2 apt aria2 at attr base-files bc bind9 bind9-dnsutils binutils bison bluez brotli
bsdextrautils btrfs-progs busybox bzip2 cifs-utils clamav cmake coreutils cpio cron cryptsetup
cups-client curl dash dbus dc default-jre-headless dmidecode dnsmasq dosfstools dpkg e2fsprogs
ed elfutils emacs-nox ethtool fdisk feh ffmpeg file fish flex freeradius gawk gcc gdb
ghostscript git gnupg gnuplot-nox graphicsmagick graphviz groff haproxy htop hwloc imagemagick
inkscape iperf3 iproute2 iptables iputils-ping jq keepassxc kmod krb5-user ksh93u+m ldap-utils
less lftp libc-bin libgtk-3-bin libreadline-dev libvips-tools libvirt-clients libxml2-utils
lldpd llvm lm-sensors lsof ltrace lua5.4 luajit lvm2 lz4 m4 make mariadb-client mariadb-server
mawk mc mdadm memcached mksh mosquitto mpv mtr-tiny nano nasm ncat ncdu net-tools netcat-openbsd
nfs-common nftables nginx-light nmap nodejs ntfs-3g ocaml ocaml-base openssh-client openssl
openvpn p7zip-full parted patch pciutils perl php-cli php-fpm php-gd poppler-utils postgresql
postgresql-client procps psmisc pv python3 python3-cryptography python3-lxml python3-numpy
python3-pil python3-psycopg2 python3-yaml quota rabbitmq-server redis-server rrdtool rsync
rsyslog rtorrent ruby samba-common-bin scheme48 screen sharutils smartmontools smbclient socat
sox sqlite3 squid strace stunnel4 subversion sudo swi-prolog-nox sysstat systemd tcl tcpdump
tcsh telnet tesseract-ocr tk tmux transmission-cli tree tshark udev unbound unzip usbutils
util-linux varnish vim-nox vsftpd wget whois wireguard-tools x11-apps x11-utils xfsprogs xterm
xxhash xz-utils yasm zip zsh zstd
""".split()
)

SOURCES = ("sid",)
TARGETS = ("bullseye", "bookworm", "trixie", "sid", "musl")


def tree_of(name: str) -> Path:
    """Return where the root called *name* lies in the cache."""
    full = Path("/var/cache/preflight-crosscheck") / name
    return full if full.exists() else roots.path_of(name)
