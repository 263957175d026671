#define _GNU_SOURCE
#include "bpf_shim.h"
#include "command.h"

#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

int warrens_bpf_map_create(
    uint32_t type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t capacity, uint32_t flags) {
    union bpf_attr attributes = {
        .map_type = type, .key_size = key_size, .value_size = value_size, .max_entries = capacity,
        .map_flags = flags | (type == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0),
    };
    strncpy(attributes.map_name, name, sizeof attributes.map_name - 1);
    return command(BPF_MAP_CREATE, &attributes);
}

int warrens_bpf_map_information(int map, struct warrens_bpf_map *to) {
    struct bpf_map_info from = {0};
    if (information(map, &from, sizeof from) < 0)
        return -1;
    *to = (struct warrens_bpf_map){
        .id = from.id, .type = from.type, .key_size = from.key_size, .value_size = from.value_size,
        .capacity = from.max_entries, .flags = from.map_flags,
        .is_per_processor = from.type == BPF_MAP_TYPE_PERCPU_HASH || from.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
                            from.type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
                            from.type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
    };
    memcpy(to->name, from.name, sizeof to->name - 1);
    return 0;
}

static int element(enum bpf_cmd number, int map, const void *key, const void *value, uint64_t flags) {
    union bpf_attr attributes = {
        .map_fd = (uint32_t)map, .key = address(key), .value = address(value), .flags = flags,
    };
    return command(number, &attributes);
}

int warrens_bpf_map_lookup(int map, const void *key, void *value) {
    return element(BPF_MAP_LOOKUP_ELEM, map, key, value, 0);
}

int warrens_bpf_map_update(int map, const void *key, const void *value, uint64_t flags) {
    return element(BPF_MAP_UPDATE_ELEM, map, key, value, flags);
}

int warrens_bpf_map_delete(int map, const void *key) {
    return element(BPF_MAP_DELETE_ELEM, map, key, NULL, 0);
}

int warrens_bpf_map_next(int map, const void *key, void *next) {
    return element(BPF_MAP_GET_NEXT_KEY, map, key, next, 0);
}

int warrens_bpf_map_lookup_batch(
    int map, const void *position, void *next, void *keys, void *values, uint32_t *count) {
    union bpf_attr attributes = {
        .batch = {
            .map_fd = (uint32_t)map, .in_batch = address(position), .out_batch = address(next),
            .keys = address(keys), .values = address(values), .count = *count,
        },
    };
    int result = command(BPF_MAP_LOOKUP_BATCH, &attributes);
    *count = attributes.batch.count;
    return result;
}

int warrens_bpf_map_update_batch(int map, const void *keys, const void *values, uint32_t count) {
    union bpf_attr attributes = {
        .batch = {.map_fd = (uint32_t)map, .keys = address(keys), .values = address(values), .count = count},
    };
    return command(BPF_MAP_UPDATE_BATCH, &attributes);
}

int warrens_bpf_map_delete_batch(int map, const void *keys, uint32_t count) {
    union bpf_attr attributes = {.batch = {.map_fd = (uint32_t)map, .keys = address(keys), .count = count}};
    return command(BPF_MAP_DELETE_BATCH, &attributes);
}

int warrens_bpf_possible_processors(void) {
    int count = libbpf_num_possible_cpus();
    if (count > 0)
        return count;
    errno = count < 0 ? -count : EIO;
    return -1;
}
