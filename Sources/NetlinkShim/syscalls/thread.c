#define _GNU_SOURCE
#include "thread_shim.h"

#include <pthread.h>

void warrens_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}
