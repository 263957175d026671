#ifndef WARRENS_TUN_SHIM_H
#define WARRENS_TUN_SHIM_H

#include <stdint.h>

/* What a TUN device leaves to us (linux/if_tun.h, TUN_F_*): checksums and TCP segmentation; UDP segmentation. */
enum { WARRENS_TUN_TCP_SEGMENTATION = 1, WARRENS_TUN_UDP_SEGMENTATION = 2 };

/* Before each packet, both ways (linux/virtio_net.h, struct virtio_net_hdr): numbers in host byte order. */
struct warrens_virtual_header {
    uint8_t flags;
    uint8_t segmentation;
    uint16_t header_length;
    uint16_t segment_size;
    uint16_t checksum_start;
    uint16_t checksum_offset;
};

/*
 * Opens one queue of the persistent layer-3 TUN device `name` (at most 15 bytes), which is made where it is missing.
 * Each packet has a virtual header; reads do not wait. With `offload`, the kernel is asked to hand over packets
 * unsegmented; `offloads` tells which it will.
 * Returns the descriptor, or -1.
 */
int warrens_open_tun(const char *name, int offload, int *offloads);

#endif
