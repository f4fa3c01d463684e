# A one-node Ceph on loopback: one monitor, one manager, one OSD on a sparse file. Sourced by scripts/gateway.
# shellcheck shell=bash

readonly marker=.allasfs-gateway  # a folder with this file may be removed whole
readonly need_gib=8 store_gib=40  # free disk that a start asks for; size of the OSD's sparse file

check_disk() {
	local free
	mkdir -p "$1"
	free=$(df --output=avail -BG "$1" | tail -n 1 | tr -dc 0-9)
	((free >= need_gib)) || die "$1 has $free GiB free: $need_gib GiB are the least a gateway wants"
	((free >= store_gib)) || say "$1 has $free GiB free, less than the $store_gib GiB that the gateway may fill"
}

# lay_out DIR PORT makes the folders, ceph.conf and the keys.
lay_out() {
	local dir=$1 port=$2 fsid mon
	mkdir -p "$dir"/{mon/a,mgr/x,osd/0,rgw,run,log}
	touch "$dir/$marker"
	echo "$port" >"$dir/port"
	fsid=$(</proc/sys/kernel/random/uuid)
	mon="[v2:127.0.0.1:$(free_port),v1:127.0.0.1:$(free_port)]"
	write_conf "$dir" "$port" "$fsid" "$mon" >"$dir/ceph.conf"
	make_keys "$dir/keyring" >>"$dir/log/keys.out" 2>&1
	monmaptool --create --clobber --fsid "$fsid" --addv a "$mon" "$dir/monmap" >>"$dir/log/keys.out" 2>&1
}

write_conf() {
	local dir=$1 port=$2 fsid=$3 mon=$4
	cat <<-END
		[global]
		fsid = $fsid
		mon_host = $mon
		mon_initial_members = a
		auth_cluster_required = cephx
		auth_service_required = cephx
		auth_client_required = cephx
		keyring = $dir/keyring
		osd_pool_default_size = 1
		osd_pool_default_min_size = 1
		mon_allow_pool_size_one = true
		mon_warn_on_pool_no_redundancy = false
		osd_crush_chooseleaf_type = 0
		osd_pool_default_pg_num = 8
		osd_pool_default_pgp_num = 8
		osd_pool_default_pg_autoscale_mode = off
		mon_max_pg_per_osd = 1000
		run_dir = $dir/run
		crash_dir = $dir/log
		log_file = $dir/log/\$name.log
		admin_socket = $dir/run/\$name.asok
		public_addr = 127.0.0.1
		cluster_addr = 127.0.0.1
		[mon]
		mon_data = $dir/mon/\$id
		mon_data_avail_warn = 2
		mon_data_avail_crit = 1
		[mgr]
		mgr_data = $dir/mgr/\$id
		[osd]
		osd_data = $dir/osd/\$id
		osd_objectstore = bluestore
		bluestore_block_size = $((store_gib << 30))
		osd_memory_target = 1610612736
		[client.admin]
		log_file = /dev/null
		admin_socket =
		[client.rgw]
		rgw_frontends = beast endpoint=127.0.0.1:$port
		rgw_data = $dir/rgw
		rgw_gc_obj_min_wait = 10
		rgw_gc_processor_period = 10
		rgw_gc_processor_max_time = 10
	END
}

make_keys() {
	local ring=$1
	ceph-authtool --create-keyring "$ring" --gen-key -n mon. --cap mon 'allow *'
	ceph-authtool "$ring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
	ceph-authtool "$ring" --gen-key -n mgr.x --cap mon 'allow profile mgr' --cap osd 'allow *'
	ceph-authtool "$ring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' --cap mgr 'allow profile osd'
	ceph-authtool "$ring" --gen-key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx' --cap mgr 'allow rw'
	chmod 644 "$ring" # tests ask for radosgw-admin as an ordinary user too
}

# start_cluster DIR starts monitor, manager and OSD. Clients wait for what is not ready yet.
start_cluster() {
	local dir=$1 uuid
	local conf=(-c "$dir/ceph.conf") log=$dir/log/start.out
	ceph-mon "${conf[@]}" -i a --mkfs --monmap "$dir/monmap" --keyring "$dir/keyring" >>"$log" 2>&1
	daemon "$dir" mon ceph-mon -i a
	daemon "$dir" mgr ceph-mgr -i x
	uuid=$(</proc/sys/kernel/random/uuid)
	timeout 60 ceph "${conf[@]}" osd new "$uuid" >>"$log" 2>&1
	ceph-osd "${conf[@]}" -i 0 --mkfs --osd-uuid "$uuid" >>"$log" 2>&1
	daemon "$dir" osd ceph-osd -i 0
}

# daemon DIR NAME COMMAND… starts a daemon in its own process group, away from the terminal, and records its pid.
daemon() {
	local dir=$1 name=$2
	shift 2
	setsid "$1" -f -c "$dir/ceph.conf" "${@:2}" </dev/null >>"$dir/log/$name.out" 2>&1 &
	echo $! >"$dir/run/$name.pid"
	disown # the shell would tell of its end
}

# alive DIR NAME: the recorded process runs, and is ours: a pid may have been given to another since.
alive() {
	local pid
	pid=$(cat "$1/run/$2.pid" 2>/dev/null) || return 1
	tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "-c $1/ceph.conf"
}

# stop_daemons DIR ends what runs there, at once: nothing in DIR is wanted any more.
stop_daemons() {
	local dir=$1 name
	for name in rgw osd mgr mon; do
		if alive "$dir" "$name"; then
			end_pid "$(<"$dir/run/$name.pid")" 0
		fi
	done
}
