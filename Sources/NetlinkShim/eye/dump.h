#ifndef WARRENS_EYE_DUMP_H
#define WARRENS_EYE_DUMP_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the kernel is asked, and how one object of its answer is read. */
struct warrens_eye_question {
    uint16_t type;
    /* The fixed part of the request, whose first byte is the address family. */
    size_t header_size;
    /* The size of one item of the list. */
    size_t item_size;
    /* Fills in the item, which is all zeros. */
    void (*read)(const struct nlmsghdr *message, void *item);
};

/* Lists all objects of each family, which end with -1, one behind the other. */
ssize_t warrens_eye_dump(const struct warrens_eye_question *question, const int *families, void **list);

/* Copies an attribute's value, as far as there is room. */
void warrens_eye_copy(const struct nlattr *attribute, void *destination, size_t size);

#endif
