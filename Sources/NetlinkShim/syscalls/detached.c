#define _GNU_SOURCE
#include "detached_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Numbers from here on are free for the shuffle below: whatever stood there is closed before the exec anyway. */
enum { SPARE_DESCRIPTOR = 64, READY_DESCRIPTOR = WARRENS_READY_DESCRIPTOR };

static void close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0)
        return;
#endif
    /* Kernels before 5.9. The limit may be huge, so a bound that no short-lived plugin reaches stands in for it. */
    for (int descriptor = first; descriptor < 65536; descriptor++)
        close(descriptor);
}

static void restore_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
}

/* Tells the waiting starter why the exec failed. The starter has one thread, so no lock can be held by another. */
static void report_failure(int code) {
    dprintf(READY_DESCRIPTOR, "cannot be executed: %s\n", strerror(code));
}

static _Noreturn void become(
    const char *executable, char *const arguments[], char *const environment[], int log, int ready,
    const int *groups, size_t group_count) {
    /* "0" moves the writer. A group that does not take us is left as it is: better there than not at all. */
    for (size_t index = 0; index < group_count; index++) {
        ssize_t written = write(groups[index], "0", 1);
        (void)written;
    }
    restore_signals();
    umask(022);
    int null = open("/dev/null", O_RDONLY);
    null = fcntl(null, F_DUPFD, SPARE_DESCRIPTOR);
    log = fcntl(log, F_DUPFD, SPARE_DESCRIPTOR);
    ready = fcntl(ready, F_DUPFD, SPARE_DESCRIPTOR);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    dup2(ready, READY_DESCRIPTOR);
    close_from(READY_DESCRIPTOR + 1);
    if (chdir("/") == 0)
        execve(executable, arguments, environment);
    report_failure(errno);
    _exit(127);
}

int warrens_start_detached(
    const char *executable, char *const arguments[], char *const environment[], int log, int ready,
    const int *groups, size_t group_count) {
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        /* The second fork leaves a process that leads no session, so that it can never gain a terminal, and that
         * init inherits, so that nobody here must wait for it. */
        setsid();
        pid_t grandchild = fork();
        if (grandchild == 0)
            become(executable, arguments, environment, log, ready, groups, group_count);
        _exit(grandchild < 0 ? errno & 0x7f : 0);
    }
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
    return -1;
}
