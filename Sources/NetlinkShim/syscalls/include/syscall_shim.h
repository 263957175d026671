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

#endif
