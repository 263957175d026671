// Which peer an inner address belongs to.
#pragma once

#include "maps.h"
#include "packet.h"

#define NOBODY 0xffffffff

static __always_inline void keep_leading_bits(struct warrens_address *address, __u32 length)
{
#pragma unroll
    for (int index = 0; index < 4; index++) {
        __s32 bits = (__s32)length - 32 * index;
        if (bits <= 0)
            address->word[index] = 0;
        else if (bits < 32)
            address->word[index] &= bpf_htonl(0xffffffff << (32 - bits));
    }
}

static __always_inline __u32 find_prefix(void *map, const struct warrens_address *address)
{
    struct warrens_prefix key = {.length = 128, .address = *address};
    __u32 *number = bpf_map_lookup_elem(map, &key);
    return number ? *number : NOBODY;
}

static __always_inline __u32 subnet_owner(const struct warrens_config *config, const struct warrens_address *address)
{
    struct warrens_address network = *address;
    keep_leading_bits(&network, is_mapped(address) ? config->subnet_length_v4 : config->subnet_length_v6);
    __u32 *number = bpf_map_lookup_elem(&subnets, &network);
    if (number)
        return *number;
    return config->flags & WARRENS_HAS_ODD_SUBNETS ? find_prefix(&odd_subnets, address) : NOBODY;
}

// The peer that packets to this address go to.
static __always_inline __u32 carrier(const struct warrens_config *config, const struct warrens_address *address)
{
    __u32 number = subnet_owner(config, address);
    if (number == NOBODY && config->flags & WARRENS_HAS_ROUTES)
        number = find_prefix(&routes, address);
    return number;
}

// The peer that sends from this address. A node inside of a subnet router's network sends for itself all the same.
static __always_inline __u32 sender(const struct warrens_config *config, const struct warrens_address *address)
{
    __u32 number = subnet_owner(config, address);
    if (number != NOBODY)
        return number;
    __u32 *node = bpf_map_lookup_elem(&nodes, address);
    if (node)
        return *node;
    return config->flags & WARRENS_HAS_ROUTES ? find_prefix(&routes, address) : NOBODY;
}

// What an address is to this node: enum warrens_own, or 0.
static __always_inline __u32 ownership(const struct warrens_address *address)
{
    __u32 kind = find_prefix(&own, address);
    return kind == NOBODY ? 0 : kind;
}

// True where a peer sends its datagrams from this address.
static __always_inline bool sends_from(__u32 number, const struct warrens_peer *peer,
                                       const struct warrens_address *outer)
{
    if (peer->flags & WARRENS_PEER_HAS_ENDPOINT && is_same(&peer->endpoint, outer))
        return true;
    struct warrens_source key = {.peer = number, .address = *outer};
    return bpf_map_lookup_elem(&sources, &key);
}
