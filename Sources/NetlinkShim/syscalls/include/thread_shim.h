#ifndef WARRENS_THREAD_SHIM_H
#define WARRENS_THREAD_SHIM_H

/* Names the calling thread as ps and top show it: at most 15 bytes. */
void warrens_name_thread(const char *name);

#endif
