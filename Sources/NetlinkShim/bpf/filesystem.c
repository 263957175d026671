#define _GNU_SOURCE
#include "bpf_shim.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <linux/magic.h>

int warrens_bpf_mount(const char *path) {
    return mount("bpf", path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700");
}

int warrens_bpf_unmount(const char *path) {
    return umount2(path, UMOUNT_NOFOLLOW);
}

int warrens_bpf_is_file_system(const char *path) {
    struct statfs status;
    if (statfs(path, &status) < 0)
        return -1;
    return status.f_type == BPF_FS_MAGIC;
}

int warrens_bpf_is_mount(const char *path) {
    char parent_path[PATH_MAX];
    if (snprintf(parent_path, sizeof parent_path, "%s/..", path) >= (int)sizeof parent_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    struct stat own, parent;
    if (stat(path, &own) < 0 || stat(parent_path, &parent) < 0)
        return -1;
    return own.st_dev != parent.st_dev;
}
