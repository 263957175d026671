#define _GNU_SOURCE
#include "bpf_shim.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

/* libbpf answers with negative error numbers; those of its own begin at 4000, and errno(3) does not know them. */
static int answer(int result) {
    if (result >= 0)
        return 0;
    if (-result >= LIBBPF_ERRNO__LIBELF) {
        char text[128];
        if (libbpf_strerror(result, text, sizeof text) == 0)
            log_line(text);
        errno = EINVAL;
    } else {
        errno = -result;
    }
    return -1;
}

struct bpf_object *warrens_bpf_object_open(
    const void *bytes, size_t length, const char *name, char *log, size_t capacity) {
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name);
    log_begin(log, capacity);
    struct bpf_object *object = bpf_object__open_mem(bytes, length, &options);
    if (!object)
        answer(-errno);
    log_end();
    return object;
}

void warrens_bpf_object_close(struct bpf_object *object) {
    bpf_object__close(object);
}

int warrens_bpf_object_load(struct bpf_object *object, char *log, size_t capacity) {
    log_begin(log, capacity);
    int result = answer(bpf_object__load(object));
    log_end();
    return result;
}

/* These set errno to ENOENT where there is no such name. */
static struct bpf_program *find_program(const struct bpf_object *object, const char *name) {
    struct bpf_program *program = bpf_object__find_program_by_name(object, name);
    if (!program)
        errno = ENOENT;
    return program;
}

static struct bpf_map *find_map(const struct bpf_object *object, const char *name) {
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);
    if (!map)
        errno = ENOENT;
    return map;
}

int warrens_bpf_object_set_loads(struct bpf_object *object, const char *program, bool loads) {
    struct bpf_program *found = find_program(object, program);
    return found ? answer(bpf_program__set_autoload(found, loads)) : -1;
}

int warrens_bpf_object_set_capacity(struct bpf_object *object, const char *map, uint32_t entries) {
    struct bpf_map *found = find_map(object, map);
    return found ? answer(bpf_map__set_max_entries(found, entries)) : -1;
}

int warrens_bpf_object_set_pin(struct bpf_object *object, const char *map, const char *path) {
    struct bpf_map *found = find_map(object, map);
    return found ? answer(bpf_map__set_pin_path(found, path)) : -1;
}

int warrens_bpf_object_reuse(struct bpf_object *object, const char *map, int descriptor) {
    struct bpf_map *found = find_map(object, map);
    return found ? answer(bpf_map__reuse_fd(found, descriptor)) : -1;
}

int warrens_bpf_object_set_constants(struct bpf_object *object, const char *section, const void *bytes, size_t length) {
    struct bpf_map *found = find_map(object, section);
    return found ? answer(bpf_map__set_initial_value(found, bytes, length)) : -1;
}

static int duplicate(int descriptor) {
    if (descriptor < 0) {
        errno = -descriptor;
        return -1;
    }
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

int warrens_bpf_object_program(const struct bpf_object *object, const char *name) {
    struct bpf_program *program = find_program(object, name);
    return program ? duplicate(bpf_program__fd(program)) : -1;
}

int warrens_bpf_object_map(const struct bpf_object *object, const char *name) {
    struct bpf_map *map = find_map(object, name);
    return map ? duplicate(bpf_map__fd(map)) : -1;
}

size_t warrens_bpf_object_programs(const struct bpf_object *object, char *names, size_t capacity) {
    size_t length = 0;
    struct bpf_program *program;
    bpf_object__for_each_program(program, object) {
        const char *name = bpf_program__name(program);
        size_t size = strlen(name) + 1;
        if (length + size <= capacity)
            memcpy(names + length, name, size);
        length += size;
    }
    return length;
}
