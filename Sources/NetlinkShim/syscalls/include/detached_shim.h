#ifndef WARRENS_DETACHED_SHIM_H
#define WARRENS_DETACHED_SHIM_H

#include <stddef.h>

/* The descriptor on which a detached process tells its starter that it is ready, or why it is not. */
#define WARRENS_READY_DESCRIPTOR 3

/*
 * Starts `executable` as a process of its own session that init inherits: standard input is /dev/null, standard
 * output and error are `log`, descriptor 3 is `ready`, and no other descriptor is open. Signals are as in a new
 * process, the working directory is `/`, the file mode mask 022. The process first moves itself into the control
 * groups behind `groups` (descriptors of cgroup.procs files), where they let it.
 *
 * Returns 0 once the process exists. Where the exec itself fails, one line of text comes through `ready`.
 * The caller must have one thread only.
 */
int warrens_start_detached(
    const char *executable, char *const arguments[], char *const environment[], int log, int ready,
    const int *groups, size_t group_count);

#endif
