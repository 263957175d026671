#ifndef WARRENS_BPF_COMMAND_H
#define WARRENS_BPF_COMMAND_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

/* bpf(2), which the C library does not wrap. Kernels take a longer structure than they know as long as the rest is 0. */
static inline int command(enum bpf_cmd number, union bpf_attr *attributes) {
    return (int)syscall(SYS_bpf, number, attributes, sizeof *attributes);
}

static inline uint64_t address(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

/* BPF_OBJ_GET_INFO_BY_FD. Older kernels fill less of it: what they do not know stays 0. */
static inline int information(int descriptor, void *to, uint32_t size) {
    union bpf_attr attributes = {
        .info = {.bpf_fd = (uint32_t)descriptor, .info_len = size, .info = address(to)},
    };
    return command(BPF_OBJ_GET_INFO_BY_FD, &attributes);
}

#endif
