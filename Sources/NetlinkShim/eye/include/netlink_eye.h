#ifndef WARRENS_NETLINK_EYE_H
#define WARRENS_NETLINK_EYE_H

/*
 * An independent look at the kernel's network state, for tests: over libmnl, sharing no code with what wrote the
 * state over libnl. Each function lists all objects of the calling thread's network namespace into `*list`, which the
 * caller frees with free(3), and returns their number, or -1 with errno set.
 *
 * Families are AF_INET and AF_INET6; addresses lie at the beginning of their 16 bytes, in network byte order. What an
 * object does not have is zero.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct warrens_eye_link {
    int32_t index;
    int32_t master;
    int32_t peer_index;
    uint32_t mtu;
    uint32_t flags;
    uint32_t promiscuity;
    /* The second is zero on kernels before 6.3. */
    uint32_t gso_max_size;
    uint32_t gso_ipv4_max_size;
    uint8_t mac[6];
    bool has_mac;
    char name[16];
    char kind[16];
    /* For ports of a bridge. */
    bool is_bridge_port;
    bool hairpin;
    bool isolated;
    bool learning;
};

struct warrens_eye_address {
    int32_t index;
    uint32_t flags;
    uint8_t family;
    uint8_t prefix_length;
    uint8_t scope;
    uint8_t address[16];
};

struct warrens_eye_route {
    uint8_t family;
    uint8_t prefix_length;
    uint8_t kind;
    uint8_t scope;
    uint8_t origin;
    bool has_gateway;
    bool has_source;
    uint32_t flags;
    uint32_t table;
    uint32_t metric;
    int32_t index;
    uint8_t destination[16];
    uint8_t gateway[16];
    uint8_t source[16];
    uint32_t mtu;
};

struct warrens_eye_neighbour {
    int32_t index;
    uint8_t family;
    uint16_t state;
    uint8_t address[16];
    uint8_t mac[6];
    bool has_mac;
};

struct warrens_eye_rule {
    uint8_t family;
    bool is_inverted;
    uint32_t priority;
    uint32_t table;
    uint32_t mark;
    uint32_t mark_mask;
};

ssize_t warrens_eye_links(struct warrens_eye_link **list);
ssize_t warrens_eye_addresses(struct warrens_eye_address **list);
ssize_t warrens_eye_routes(struct warrens_eye_route **list);
ssize_t warrens_eye_neighbours(struct warrens_eye_neighbour **list);
ssize_t warrens_eye_rules(struct warrens_eye_rule **list);

/*
 * Loads a BPF program for traffic control that lets everything pass on. `name` has at most 15 bytes. Returns its
 * descriptor, or -1 with errno set.
 */
int warrens_eye_load_program(const char *name);

#endif
