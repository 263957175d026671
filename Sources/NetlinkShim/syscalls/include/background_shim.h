#ifndef WARRENS_BACKGROUND_SHIM_H
#define WARRENS_BACKGROUND_SHIM_H

/*
 * Forks a process without a terminal and with no descriptor of ours, whose standard streams lead to /dev/null. Only for
 * processes of a single thread.
 *
 * Returns 0 in the new process, its number in the old one, and -1 with errno where there is none.
 */
int warrens_fork_background(void);

/* Returns 1 where the child `process` has ended, 0 where it has not. */
int warrens_has_ended(int process);

#endif
