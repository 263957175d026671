#define _GNU_SOURCE
#include "syscall_shim.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

int warrens_enter_network_namespace(int descriptor) {
    return setns(descriptor, CLONE_NEWNET);
}

int warrens_new_network_namespace(void) {
    return unshare(CLONE_NEWNET);
}

int warrens_is_network_namespace(int descriptor) {
    int kind = ioctl(descriptor, NS_GET_NSTYPE);
    return kind < 0 ? -1 : kind == CLONE_NEWNET;
}
