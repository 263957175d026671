#define _GNU_SOURCE
#include "memory_shim.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Set by the linker: where the executable begins, and where its code ends. */
extern const char __executable_start, etext;

void warrens_release_code(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)&__executable_start + page - 1) & ~(page - 1);
    uintptr_t end = (uintptr_t)&etext & ~(page - 1);
    /* Code is mapped from the file and never written to, so what is dropped is read again as it was. */
    if (end > start)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

void warrens_prepare_memory(void) {
    mallopt(M_ARENA_MAX, 1);
    /* Said once, it also stays: otherwise it grows with the largest block that was ever freed. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

void warrens_return_memory(void) {
    malloc_trim(0);
}
