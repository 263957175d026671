#define _GNU_SOURCE
#include "event_shim.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <unistd.h>

int warrens_open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int warrens_read_signal(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t count = read(descriptor, &information, sizeof information);
    return count == (ssize_t)sizeof information ? (int)information.ssi_signo : -1;
}

int warrens_open_event(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int warrens_open_timer(void) {
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

int warrens_set_timer(int descriptor, int64_t milliseconds) {
    struct itimerspec when = {
        .it_value = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000},
    };
    return timerfd_settime(descriptor, 0, &when, NULL);
}

int warrens_open_inotify(void) {
    return inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

int warrens_watch_directory(int descriptor, const char *path) {
    return inotify_add_watch(descriptor, path,
                             IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
}

int warrens_unwatch_directory(int descriptor, int watch) {
    return inotify_rm_watch(descriptor, watch);
}

int warrens_clock_is_synchronised(void) {
    struct timex state = {.modes = 0};
    int result = adjtimex(&state);
    return result >= 0 && result != TIME_ERROR && !(state.status & STA_UNSYNC);
}
