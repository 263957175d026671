#ifndef WARRENS_BPF_LOG_H
#define WARRENS_BPF_LOG_H

#include <stddef.h>

/* Until the end of it, what libbpf says on this thread goes to `text`: as much of the end as there is room for, and a
 * NUL. What it says at other times goes nowhere. */
void log_begin(char *text, size_t capacity);
void log_end(void);
/* Adds a line to it. */
void log_line(const char *text);

#endif
