#ifndef WARRENS_REFERENCE_LOOKUP_H
#define WARRENS_REFERENCE_LOOKUP_H

#include <stdint.h>

/* AddressKey.swift, AddressMap.swift, PrefixTable.swift, OuterAddresses.swift. */

struct key { uint64_t high, low; };

static inline int same_key(struct key a, struct key b) { return a.high == b.high && a.low == b.low; }
static inline int is_v4(struct key key) { return key.high == 0 && key.low >> 32 == 0xffff; }

static inline struct key masked(struct key key, struct key mask) {
    return (struct key){key.high & mask.high, key.low & mask.low};
}

static inline int is_martian(struct key key, int family) {
    if (family == 4) {
        uint32_t number = (uint32_t)key.low, first = number >> 24;
        return first == 0 || first == 127 || first >= 224 || number >> 16 == 0xa9fe;
    }
    if (key.high == 0) return key.low >> 32 == 0xffff || key.low <= 1;
    return key.high >> 56 == 0xff || key.high >> 54 == 0x3fa;
}

struct entry { struct key key; int32_t tag, value; };
struct shard { struct entry *slots; uint64_t capacity; };
struct map { struct shard *shards; uint64_t bits, seed; };

static inline uint64_t hash_key(struct key key, uint64_t seed) {
    uint64_t hash = key.high ^ seed;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93;
    hash ^= key.low;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93;
    return hash ^ hash >> 32;
}

static inline uint64_t shard_of(uint64_t hash, uint64_t bits) { return (hash >> 1) >> (63 - bits); }
static inline uint64_t slot_of(uint64_t hash, uint64_t capacity) { return ((hash & 0xffffffff) * capacity) >> 32; }

/* The value of the first entry of `key` for which `tag & mask == wanted`, or -1. */
static inline int find_entry(const struct map *map, struct key key, int32_t mask, int32_t wanted) {
    uint64_t hash = hash_key(key, map->seed);
    struct shard shard = map->shards[shard_of(hash, map->bits)];
    uint64_t slot = slot_of(hash, shard.capacity);
    while (1) {
        const struct entry *entry = &shard.slots[slot];
        if (entry->tag < 0) return -1;
        if (same_key(entry->key, key) && (entry->tag & mask) == wanted) return entry->value;
        if (++slot == shard.capacity) slot = 0;
    }
}

/* Of one family: the lengths in use, longest first. */
struct length { struct key mask; int32_t tag; };
struct length_table { struct map map; struct length *lengths; int count; };
struct prefix_table { struct length_table v4, v6; };

static inline int find_prefix(const struct prefix_table *table, struct key key) {
    const struct length_table *lengths = is_v4(key) ? &table->v4 : &table->v6;
    for (int i = 0; i < lengths->count; i++) {
        const struct length *length = &lengths->lengths[i];
        int value = find_entry(&lengths->map, masked(key, length->mask), -1, length->tag);
        if (value >= 0) return value;
    }
    return -1;
}

enum { role_port = 0xffff, role_inner_source = 1 << 16, role_endpoint = 1 << 17 };

#endif
