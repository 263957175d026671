#include "reference.h"

#include <stdlib.h>
#include <time.h>

/* Sets up what the two directions use; costs nothing for a packet. */

enum { shard_size = 128 };

int64_t monotonic_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

struct reference *reference_create(uint64_t seed) {
    struct reference *reference = allocate(1, sizeof *reference);
    reference->seed = seed;
    reference->headers = allocate(1, 65536);
    reference->table.longest_received = 65535;
    reference->delivery[0] = (struct iovec){&reference->description, sizeof reference->description};
    reference->delivery_count = 1;
    reference->v6.is_v6 = 1;
    reference->socket_v4 = reference->socket_v6 = reference->device = -1;
    reference->has_udp_segmentation = 1;
    return reference;
}

void reference_add(
    struct reference *reference, enum reference_table table, uint64_t high, uint64_t low, int32_t tag, int32_t value) {
    int count = reference->added_count[table]++;
    struct entry *entries = realloc(reference->added[table], (size_t)(count + 1) * sizeof *entries);
    if (!entries) abort();
    entries[count] = (struct entry){{high, low}, tag, value};
    reference->added[table] = entries;
}

void reference_add_peer(
    struct reference *reference, uint64_t high, uint64_t low, uint16_t port, int route_mtu, int defers_checksums) {
    int number = reference->peer_count++;
    struct table *table = &reference->table;
    if (number == table->peer_count) {
        size_t chunks = (size_t)number / peer_chunk;
        table->peers = realloc(table->peers, (chunks + 1) * sizeof *table->peers);
        struct peer *chunk = aligned_alloc(64, peer_chunk * sizeof *chunk);
        if (!table->peers || !chunk) abort();
        table->peers[chunks] = chunk;
        table->peer_count += peer_chunk;
    }
    struct peer *peer = &table->peers[number / peer_chunk][number % peer_chunk];
    *peer = (struct peer){
        .endpoint = {high, low}, .state = allocate(1, sizeof(struct peer_state)),
        .path = allocate(1, sizeof(struct path_state)), .further_sources = allocate(1, sizeof(struct address_list)),
        .port = port, .has_endpoint = 1, .is_endpoint_v4 = (uint8_t)is_v4((struct key){high, low}), .checks_source = 1, .defers_checksums = (uint8_t)defers_checksums,
    };
    atomic_init(&peer->path->route_mtu, route_mtu);
}

static struct map make_map(const struct entry *entries, int count, uint64_t seed) {
    struct map map = {.seed = seed};
    while (count > shard_size << map.bits) map.bits++;
    size_t shards = (size_t)1 << map.bits;
    map.shards = allocate(shards, sizeof *map.shards);
    for (int i = 0; i < count; i++) map.shards[shard_of(hash_key(entries[i].key, map.seed), map.bits)].capacity++;
    for (size_t i = 0; i < shards; i++) {
        struct shard *shard = &map.shards[i];
        shard->capacity = shard->capacity + shard->capacity * 2 / 3 + 1;
        shard->slots = allocate(shard->capacity, sizeof *shard->slots);
        for (uint64_t slot = 0; slot < shard->capacity; slot++) shard->slots[slot].tag = -1;
    }
    for (int i = 0; i < count; i++) {
        uint64_t hash = hash_key(entries[i].key, map.seed);
        struct shard *shard = &map.shards[shard_of(hash, map.bits)];
        uint64_t slot = slot_of(hash, shard->capacity);
        while (shard->slots[slot].tag >= 0) slot = slot + 1 == shard->capacity ? 0 : slot + 1;
        shard->slots[slot] = entries[i];
    }
    return map;
}

static struct key make_mask(int length) {
    return (struct key){
        length >= 64 ? UINT64_MAX : ~(UINT64_MAX >> length),
        length >= 128 ? UINT64_MAX : length > 64 ? ~(UINT64_MAX >> (length - 64)) : 0};
}

static struct length_table make_lengths(const struct entry *entries, int count, int v4, uint64_t seed) {
    struct entry *chosen = allocate((size_t)count, sizeof *chosen);
    struct length_table table = {.lengths = allocate(129, sizeof(struct length))};
    int in_use[129] = {0}, chosen_count = 0;
    for (int i = 0; i < count; i++) {
        if ((is_v4(entries[i].key) && entries[i].tag >= 96) != v4) continue;
        chosen[chosen_count++] = entries[i];
        in_use[entries[i].tag] = 1;
    }
    for (int length = 128; length >= 0; length--)
        if (in_use[length]) table.lengths[table.count++] = (struct length){make_mask(length), length};
    table.map = make_map(chosen, chosen_count, seed);
    free(chosen);
    return table;
}

void reference_finish(struct reference *reference) {
    struct table *table = &reference->table;
    struct { enum reference_table from; struct prefix_table *to; } tables[] = {
        {REFERENCE_SUBNETS, &table->subnets}, {REFERENCE_ROUTES, &table->routes},
        {REFERENCE_OWN_SUBNETS, &table->own_subnets}, {REFERENCE_OWN_ROUTES, &table->own_routes},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const struct entry *entries = reference->added[tables[i].from];
        int count = reference->added_count[tables[i].from];
        *tables[i].to = (struct prefix_table){
            make_lengths(entries, count, 1, reference->seed), make_lengths(entries, count, 0, reference->seed)};
    }
    table->node_addresses = make_map(
        reference->added[REFERENCE_NODE_ADDRESSES], reference->added_count[REFERENCE_NODE_ADDRESSES],
        reference->seed);
    atomic_store(&reference->current, (uintptr_t)table);
}

static void free_map(struct map *map) {
    for (size_t i = 0; i < (size_t)1 << map->bits; i++) free(map->shards[i].slots);
    free(map->shards);
}

static void free_prefixes(struct prefix_table *table) {
    for (int family = 0; family < 2; family++) {
        struct length_table *lengths = family == 0 ? &table->v4 : &table->v6;
        free_map(&lengths->map);
        free(lengths->lengths);
    }
}

void reference_destroy(struct reference *reference) {
    struct table *table = &reference->table;
    free_prefixes(&table->subnets);
    free_prefixes(&table->routes);
    free_prefixes(&table->own_subnets);
    free_prefixes(&table->own_routes);
    free_map(&table->node_addresses);
    for (int i = 0; i < reference->peer_count; i++) {
        struct peer *peer = &table->peers[i / peer_chunk][i % peer_chunk];
        free(peer->state);
        free(peer->path);
        free(peer->further_sources);
    }
    for (int i = 0; i < table->peer_count; i += peer_chunk) free(table->peers[i / peer_chunk]);
    free(table->peers);
    for (int i = 0; i < REFERENCE_TABLES; i++) free(reference->added[i]);
    free(reference->headers);
    free(reference);
}

struct reference_totals reference_totals(const struct reference *reference) {
    const uint64_t(*all)[counters] = reference->counters;
    struct reference_totals totals = {
        .sent_packets = all[0][sent_packets], .sent_bytes = all[0][sent_bytes],
        .received_packets = all[1][received_packets], .received_bytes = all[1][received_bytes],
    };
    for (int direction = 0; direction < 2; direction++)
        for (int drop = 0; drop < drops; drop++) totals.dropped += all[direction][drop];
    return totals;
}
