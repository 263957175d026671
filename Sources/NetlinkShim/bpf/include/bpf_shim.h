#ifndef WARRENS_BPF_SHIM_H
#define WARRENS_BPF_SHIM_H

/*
 * eBPF for Swift: objects through libbpf, and what libbpf 1.1 lacks through bpf(2). No policy lives here. Functions that
 * can fail return -1 (or NULL) and set errno, unless said otherwise. Descriptors that are returned are closed on exec
 * and belong to the caller. Objects, devices and links are those of the calling thread's network namespace.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Objects: an ELF file, before and after it is loaded (object.c) ---- */

struct bpf_object;

/*
 * Opens an ELF file in memory, which is copied. `log` gets what libbpf says against it, ended by a NUL: as much of the
 * end as there is room for.
 */
struct bpf_object *warrens_bpf_object_open(
    const void *bytes, size_t length, const char *name, char *log, size_t capacity);
/* Frees it. What was loaded lives on by its descriptors, pins and hooks. */
void warrens_bpf_object_close(struct bpf_object *object);
/* Creates the maps and loads the programs. `log` also gets what the verifier says of a program that it refuses. */
int warrens_bpf_object_load(struct bpf_object *object, char *log, size_t capacity);

/* Before loading. ENOENT: the object has nothing of that name. */
int warrens_bpf_object_set_loads(struct bpf_object *object, const char *program, bool loads);
int warrens_bpf_object_set_capacity(struct bpf_object *object, const char *map, uint32_t entries);
/* Loading takes the map that is pinned there where it fits (EINVAL where not), or pins the one that it creates. */
int warrens_bpf_object_set_pin(struct bpf_object *object, const char *map, const char *path);
/* Loading takes the map behind `descriptor` instead of creating one. */
int warrens_bpf_object_reuse(struct bpf_object *object, const char *map, int descriptor);
/* Fills a section of constants such as ".rodata.settings". EINVAL: it has another length. */
int warrens_bpf_object_set_constants(struct bpf_object *object, const char *section, const void *bytes, size_t length);

/* After loading: a duplicate of the descriptor. */
int warrens_bpf_object_program(const struct bpf_object *object, const char *name);
int warrens_bpf_object_map(const struct bpf_object *object, const char *name);
/* The names of the programs, each ended by a NUL, in the file's order; returns how many bytes there are in all. */
size_t warrens_bpf_object_programs(const struct bpf_object *object, char *names, size_t capacity);

/* ---- Programs (program.c) ---- */

/* BPF_PROG_TYPE_SCHED_CLS: a program for traffic control. */
enum { WARRENS_BPF_CLASSIFIER = 3 };

struct warrens_bpf_program {
    uint32_t id;
    uint32_t type;
    /* A hash over its instructions. */
    uint8_t tag[8];
    /* Ends with a NUL; the kernel keeps fifteen characters. */
    char name[16];
    /* Instructions that the verifier followed; 0 before Linux 5.16. */
    uint32_t verified_instructions;
};

int warrens_bpf_program_information(int program, struct warrens_bpf_program *information);
/* Loads `count` instructions of eight bytes each; `log` (may be NULL) gets what the verifier says, ended by a NUL. */
int warrens_bpf_program_load(
    uint32_t type, const char *name, const uint64_t *instructions, size_t count, char *log, size_t capacity);
int warrens_bpf_program_open(uint32_t id);

struct warrens_bpf_run {
    const void *input;
    uint32_t input_length;
    void *output;
    /* In: the room there; out: the packet's length. */
    uint32_t output_length;
    uint32_t repetitions;
    /* Out: what the program returned, and the average time of a run in nanoseconds. */
    uint32_t result;
    uint32_t duration;
};

/* Runs a program over a packet (BPF_PROG_TEST_RUN). ENOSPC: the output is longer than its room. */
int warrens_bpf_program_run(int program, struct warrens_bpf_run *run);

/* ---- Maps (map.c) ---- */

struct warrens_bpf_map {
    uint32_t id;
    uint32_t type;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t capacity;
    uint32_t flags;
    /* One value for each possible processor, each rounded up to eight bytes. */
    bool is_per_processor;
    char name[16];
};

/* A prefix trie needs BPF_F_NO_PREALLOC, which is added. */
int warrens_bpf_map_create(
    uint32_t type, const char *name, uint32_t key_size, uint32_t value_size, uint32_t capacity, uint32_t flags);
int warrens_bpf_map_information(int map, struct warrens_bpf_map *information);
int warrens_bpf_map_lookup(int map, const void *key, void *value);
int warrens_bpf_map_update(int map, const void *key, const void *value, uint64_t flags);
int warrens_bpf_map_delete(int map, const void *key);
/* The key behind `key`, or the first one where that is NULL or gone. ENOENT: there is none. */
int warrens_bpf_map_next(int map, const void *key, void *next);
/*
 * Many entries at a time, of maps that are not per processor. EINVAL or 524 (ENOTSUPP): this kernel does not know it for
 * such a map. On any error, an unknown part of the entries that were given may be updated or deleted.
 *
 * Of a lookup, `count` holds how many fit and then how many there were, also with ENOENT: these were the last.
 * `position` of the next call is NULL first, then what this one left in `next`: room for a key, at least four bytes.
 */
int warrens_bpf_map_lookup_batch(
    int map, const void *position, void *next, void *keys, void *values, uint32_t *count);
int warrens_bpf_map_update_batch(int map, const void *keys, const void *values, uint32_t count);
int warrens_bpf_map_delete_batch(int map, const void *keys, uint32_t count);
/* How many processors there can ever be: as many values a per-processor map has. */
int warrens_bpf_possible_processors(void);

/* ---- Links, pins and what hangs on a device (link.c) ---- */

/* Where a program is attached: numbers of enum bpf_attach_type, the last two of Linux 6.6. */
enum {
    WARRENS_BPF_XDP_HOOK = 37,
    WARRENS_BPF_TCX_INGRESS = 46,
    WARRENS_BPF_TCX_EGRESS = 47,
};

/* Flags of warrens_bpf_link_create: the place among the programs of a tcx hook, or the mode of an XDP program. */
enum {
    WARRENS_BPF_FIRST = 1 << 3, /* BPF_F_BEFORE, without another program that it relates to */
    WARRENS_BPF_LAST = 1 << 4,  /* BPF_F_AFTER, likewise */
    WARRENS_BPF_XDP_GENERIC = 1 << 1,
    WARRENS_BPF_XDP_NATIVE = 1 << 2,
};

struct warrens_bpf_link {
    uint32_t id;
    uint32_t program_id;
    /* 0 where it is none of the hooks above. */
    uint32_t hook;
    /* The device's index; 0 once the device is gone. */
    uint32_t device;
};

int warrens_bpf_link_create(int program, uint32_t device, uint32_t hook, uint32_t flags);
/* Another program in the place of the present one, between two packets. */
int warrens_bpf_link_update(int link, int program);
int warrens_bpf_link_detach(int link);
int warrens_bpf_link_information(int link, struct warrens_bpf_link *information);

/* Pins a program, map or link below a bpffs; reopens what is pinned there. */
int warrens_bpf_pin(int descriptor, const char *path);
int warrens_bpf_open_pin(const char *path);

/* The programs of a tcx hook in their order: returns how many, of which as many as there is room for are stored. */
int warrens_bpf_query(uint32_t device, uint32_t hook, uint32_t *program_ids, uint32_t capacity);

/* ---- bpffs (filesystem.c) ---- */

/* Mounts a new bpffs in the calling thread's mount namespace, for root alone. */
int warrens_bpf_mount(const char *path);
int warrens_bpf_unmount(const char *path);
/* 1 where `path` is on a bpffs, 0 where not. */
int warrens_bpf_is_file_system(const char *path);
/* 1 where a file system is mounted at `path` itself, 0 where not. */
int warrens_bpf_is_mount(const char *path);

#endif
