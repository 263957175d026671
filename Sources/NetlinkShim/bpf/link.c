#define _GNU_SOURCE
#include "bpf_shim.h"
#include "command.h"

#include <string.h>

#include <linux/if_link.h>

/* linux/bpf.h of Linux 6.6. */
enum { LINK_TYPE_TCX = 11 };

_Static_assert(WARRENS_BPF_XDP_HOOK == BPF_XDP, "linux/bpf.h");
_Static_assert(WARRENS_BPF_XDP_GENERIC == XDP_FLAGS_SKB_MODE, "linux/if_link.h");
_Static_assert(WARRENS_BPF_XDP_NATIVE == XDP_FLAGS_DRV_MODE, "linux/if_link.h");

int warrens_bpf_link_create(int program, uint32_t device, uint32_t hook, uint32_t flags) {
    union bpf_attr attributes = {
        .link_create = {
            .prog_fd = (uint32_t)program, .target_ifindex = device, .attach_type = hook, .flags = flags,
        },
    };
    return command(BPF_LINK_CREATE, &attributes);
}

int warrens_bpf_link_update(int link, int program) {
    union bpf_attr attributes = {.link_update = {.link_fd = (uint32_t)link, .new_prog_fd = (uint32_t)program}};
    return command(BPF_LINK_UPDATE, &attributes);
}

int warrens_bpf_link_detach(int link) {
    union bpf_attr attributes = {.link_detach = {.link_fd = (uint32_t)link}};
    return command(BPF_LINK_DETACH, &attributes);
}

int warrens_bpf_link_information(int link, struct warrens_bpf_link *to) {
    struct bpf_link_info from = {0};
    if (information(link, &from, sizeof from) < 0)
        return -1;
    *to = (struct warrens_bpf_link){.id = from.id, .program_id = from.prog_id};
    if (from.type == BPF_LINK_TYPE_XDP) {
        to->hook = WARRENS_BPF_XDP_HOOK;
        to->device = from.xdp.ifindex;
    } else if (from.type == LINK_TYPE_TCX) {
        /* struct { __u32 ifindex; __u32 attach_type; } tcx, in the union with this one. */
        uint32_t tcx[2];
        memcpy(tcx, &from.xdp, sizeof tcx);
        to->device = tcx[0];
        to->hook = tcx[1];
    }
    return 0;
}

int warrens_bpf_pin(int descriptor, const char *path) {
    union bpf_attr attributes = {.pathname = address(path), .bpf_fd = (uint32_t)descriptor};
    return command(BPF_OBJ_PIN, &attributes);
}

int warrens_bpf_open_pin(const char *path) {
    union bpf_attr attributes = {.pathname = address(path)};
    return command(BPF_OBJ_GET, &attributes);
}

int warrens_bpf_query(uint32_t device, uint32_t hook, uint32_t *program_ids, uint32_t capacity) {
    union bpf_attr attributes = {
        .query = {
            /* target_ifindex, in a union that Linux 6.6 has made of it. */
            .target_fd = device, .attach_type = hook, .prog_ids = address(program_ids), .prog_cnt = capacity,
        },
    };
    if (command(BPF_PROG_QUERY, &attributes) < 0)
        return -1;
    return (int)attributes.query.prog_cnt;
}
