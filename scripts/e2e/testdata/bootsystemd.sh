#!/bin/bash
# bootsystemd.sh HOME [FILE DEST]…  boots systemd as process 1 of new namespaces, over a copy of this machine's root that is thrown away
#
# The files are copied to their places below the new root before, and what HOME holds to /root. It wants to be started as process 1 of a new PID namespace, in new
# namespaces of mounts, host names, IPC and control groups; the network is the machine's own. It exits with 77 where the kernel or the container does
# not let it.
set -eu
home=$1
shift

# cannot tells why, as the caller skips what it wanted to do.
cannot() {
	echo "bootsystemd.sh: $*" >&2
	exit 77
}

base=$(mktemp -d)
mount --make-rprivate / || cannot 'no mounts of our own'
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" overlay "$base/root" || cannot 'no overlay over the root directory'

cd "$base/root"
# Nothing of the machine's own is mounted, and of its services none is started but what basic.target wants.
: >etc/fstab
: >etc/machine-id
rm -f etc/systemd/system/*.wants/*
ln -sf /dev/null etc/systemd/system/getty.target
cat >etc/systemd/system/test.target <<'EOF'
[Unit]
Requires=basic.target
Wants=dbus.socket systemd-logind.service remote-fs.target multi-user.target
After=basic.target remote-fs.target multi-user.target
AllowIsolate=yes
EOF
cp -a "$home/." root/
while (($#)); do
	mkdir -p "./$(dirname "$2")"
	cp "$1" "./$2"
	shift 2
done

mount -t proc proc proc || cannot 'no /proc of our own'
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys # the kernel's settings are everybody's
mount -t sysfs -o ro sysfs sys || cannot 'no /sys of our own'
[[ -e /sys/fs/cgroup ]] || cannot 'no control groups'
mount -t cgroup2 cgroup2 sys/fs/cgroup || cannot 'no control groups, version 2'
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for node in null zero full random urandom tty fuse autofs; do
	: >"dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p old
pivot_root . old
umount -l old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=test.target
