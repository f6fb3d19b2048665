#!/bin/sh
# Installs what the tests need, or just the packages named as arguments.
# Needs root on Debian; does nothing, quickly, where everything is there.
set -eu

everything="
    arch-test binutils busybox-static cargo-web chromium chromium-driver clang createrepo-c curl
    dash debian-archive-keyring dnf file fish fonts-dejavu-core g++ gcc gcc-multilib git golang-go
    groff-base iproute2 jq libc6-arm64-cross libc6-armhf-cross libc6-dev libc6-hppa-cross
    libc6-mips-cross libc6-mips64el-cross libc6-powerpc-cross libc6-ppc64el-cross
    libc6-riscv64-cross libc6-s390x-cross libc6-sparc64-cross libc6.1-alpha-cross
    libcommons-cli-java libxml2-utils lld llvm make man-db mksh mmdebstrap mold musl musl-dev
    musl-tools nftables openssh-client openssh-server patchelf prometheus python3-venv
    qemu-user-static rpm ruby shellcheck sudo tcsh unzip util-linux vagrant zip zsh zstd"

missing=
# shellcheck disable=SC2048,SC2086
for package in ${*:-$everything}; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "these packages are missing; as root, type: apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq install -y --no-install-recommends $missing </dev/null >/dev/null
