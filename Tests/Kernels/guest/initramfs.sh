#!/bin/busybox sh
# The first process of an emulated machine. Its root is the host's, which it can only read; what is written stays in
# memory. The parameters `warrens.init` and `warrens.job` name the program that goes on, and the file that tells it what to run.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
for module in /modules/*.ko; do
    $busybox insmod "$module"
done
$busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=1048576,cache=loose host /host
$busybox mount -t tmpfs -o mode=755 layers /layers
$busybox mkdir /layers/upper /layers/work
$busybox mount -t overlay -o lowerdir=/host,upperdir=/layers/upper,workdir=/layers/work root /root
for word in $($busybox cat /proc/cmdline); do
    case "$word" in
    warrens.init=*) init=${word#*=} ;;
    warrens.job=*) job=${word#*=} ;;
    esac
done
$busybox umount /proc
exec $busybox switch_root /root /usr/bin/python3 "$init" "$job"
