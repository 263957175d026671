#define _GNU_SOURCE
#include "syscall_shim.h"

#include <fcntl.h>
#include <unistd.h>

int warrens_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}
