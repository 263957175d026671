#define _GNU_SOURCE
#include "syscall_shim.h"

#include <sched.h>

int warrens_enter_network_namespace(int descriptor) {
    return setns(descriptor, CLONE_NEWNET);
}

int warrens_new_network_namespace(void) {
    return unshare(CLONE_NEWNET);
}
