#ifndef WARRENS_EVENT_SHIM_H
#define WARRENS_EVENT_SHIM_H

#include <stdint.h>

/* Descriptors to wait on. All are close-on-exec and do not wait themselves; each function returns one, or -1. */

/* Blocks SIGHUP, SIGINT and SIGTERM for the calling thread and those that it makes, and opens a signalfd(2) for them. */
int warrens_open_signals(void);

/* The number of the next pending signal, or -1 with EAGAIN. */
int warrens_read_signal(int descriptor);

/* eventfd(2) */
int warrens_open_event(void);

/* timerfd_create(2) on the monotonic clock. */
int warrens_open_timer(void);

/* Lets the timer fire once after `milliseconds`; 0 stops it. */
int warrens_set_timer(int descriptor, int64_t milliseconds);

/* inotify_init1(2) */
int warrens_open_inotify(void);

/*
 * Watches a directory for entries that are written, made, renamed or removed, and for its own end. Returns the watch's
 * number: the same one where the directory is watched already.
 */
int warrens_watch_directory(int descriptor, const char *path);

/* inotify_rm_watch(2) */
int warrens_unwatch_directory(int descriptor, int watch);

/* 1 where the kernel reports that something keeps the time of day right (adjtimex(2)), else 0. */
int warrens_clock_is_synchronised(void);

#endif
