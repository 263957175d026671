#define _GNU_SOURCE
#include "syscall_shim.h"

#include <unistd.h>

char **warrens_environment(void) {
    return environ;
}
