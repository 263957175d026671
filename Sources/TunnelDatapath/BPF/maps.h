// The maps. Sizes of those that grow with the cluster or the node are their limits; memory is taken entry by entry.
#pragma once

#include "context.h"

#include <bpf/bpf_helpers.h>

#include "datapath_layout.h"

// What a program may answer. NEXT: on to the next program at this hook, and to the stack (TCX_NEXT, TC_ACT_UNSPEC).
#define NEXT (-1)
#define DROP 2

#define MOST_PEERS 131072
// Two subnets for each peer, and as many that drain.
#define MOST_SUBNETS (4 * MOST_PEERS)
#define MOST_LOCALS 131072
#define MOST_FLOWS 131072

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct warrens_config);
} config SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, WARRENS_COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

// The peers' subnets of the usual lengths, by their first address, leading to the peers' numbers.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MOST_SUBNETS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_address);
    __type(value, __u32);
} subnets SEC(".maps");

// Their subnets of other lengths.
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, MOST_PEERS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_prefix);
    __type(value, __u32);
} odd_subnets SEC(".maps");

// What is reached by way of them.
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, MOST_PEERS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_prefix);
    __type(value, __u32);
} routes SEC(".maps");

// Their nodes' own addresses, which may be inner sources.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MOST_SUBNETS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_address);
    __type(value, __u32);
} nodes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MOST_PEERS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct warrens_peer);
} peers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MOST_PEERS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct warrens_traffic);
} traffic SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MOST_SUBNETS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_source);
    __type(value, __u8);
} sources SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MOST_SUBNETS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_endpoint);
    __type(value, __u32);
} endpoints SEC(".maps");

// This node's subnets and routes; values of enum warrens_own.
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1024);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_prefix);
    __type(value, __u32);
} own SEC(".maps");

// This host's addresses outside of the overlay: where datagrams for it arrive.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4096);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_address);
    __type(value, __u8);
} addresses SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MOST_LOCALS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct warrens_address);
    __type(value, struct warrens_local);
} locals SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, MOST_FLOWS);
    __type(key, struct warrens_flow);
    __type(value, struct warrens_evidence);
} flows SEC(".maps");

#define ACCEPTED_BITS 6

// Whom this processor has lately received from, by a hash of the inner addresses.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1 << ACCEPTED_BITS);
    __type(key, __u32);
    __type(value, struct warrens_accepted);
} accepted SEC(".maps");

static __always_inline const struct warrens_config *configuration(void)
{
    __u32 key = 0;
    return bpf_map_lookup_elem(&config, &key);
}

static __always_inline void add(enum warrens_counter counter, __u64 amount)
{
    __u32 key = counter;
    __u64 *value = bpf_map_lookup_elem(&counters, &key);
    if (value)
        *value += amount;
}
