#ifndef WARRENS_MEMORY_SHIM_H
#define WARRENS_MEMORY_SHIM_H

/*
 * Takes this program's code out of the process's memory (madvise(2), MADV_DONTNEED). What is called again comes back
 * from the file, a page fault each; the rest, most of it run once at the start, stays away.
 */
void warrens_release_code(void);

/*
 * To be called before there are threads: makes sure that memory can be given back. One arena serves all of them, because
 * only the first one's end is ever trimmed, and few of our threads allocate at all; large blocks are mapped one by one.
 */
void warrens_prepare_memory(void);

/* Gives memory back that was needed for a while, and that the allocator keeps for the next time (malloc_trim(3)). */
void warrens_return_memory(void);

#endif
