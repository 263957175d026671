#define _GNU_SOURCE
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

static _Thread_local struct {
    char *text;
    /* Without the NUL. */
    size_t capacity, length;
} current;

static void append(const char *text, size_t length) {
    /* The reason for a refusal stands at the end, so the beginning goes. */
    if (length > current.capacity) {
        text += length - current.capacity;
        length = current.capacity;
    }
    if (current.length + length > current.capacity) {
        size_t excess = current.length + length - current.capacity;
        memmove(current.text, current.text + excess, current.length - excess);
        current.length -= excess;
    }
    memcpy(current.text + current.length, text, length);
    current.length += length;
    current.text[current.length] = 0;
}

__attribute__((format(printf, 2, 0)))
static int print(enum libbpf_print_level level, const char *format, va_list arguments) {
    char *text;
    if (level != LIBBPF_WARN || !current.text)
        return 0;
    int length = vasprintf(&text, format, arguments);
    if (length < 0)
        return 0;
    append(text, (size_t)length);
    free(text);
    return 0;
}

void log_begin(char *text, size_t capacity) {
    /* One function for all threads: to set it again changes nothing. */
    libbpf_set_print(print);
    if (!text || !capacity)
        return;
    current.text = text;
    current.capacity = capacity - 1;
    current.length = 0;
    text[0] = 0;
}

void log_end(void) {
    current.text = NULL;
    current.capacity = current.length = 0;
}

void log_line(const char *text) {
    if (!current.text)
        return;
    append(text, strlen(text));
    append("\n", 1);
}
