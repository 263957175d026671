#ifndef WARRENS_SYSCALL_SHIM_H
#define WARRENS_SYSCALL_SHIM_H

/*
 * System calls that Swift's Glibc module does not spell: macros, variadic functions, and calls that need
 * _GNU_SOURCE. No policy lives here. All functions return -1 and set errno where they fail, unless said otherwise.
 */

/* setns(2): moves the calling thread into the network namespace behind `descriptor`. */
int warrens_enter_network_namespace(int descriptor);

/* unshare(2): moves the calling thread into a new network namespace. */
int warrens_new_network_namespace(void);

/* environ(7): this process's variables as "NAME=value", ended by a null pointer. */
char **warrens_environment(void);

/* pipe2(2) with O_CLOEXEC: a pipe to read from at ends[0] and to write to at ends[1]. */
int warrens_pipe(int ends[2]);

/* 1 where `descriptor` holds a network namespace, 0 where it holds one of another kind, -1 for any other file. */
int warrens_is_network_namespace(int descriptor);

#endif
