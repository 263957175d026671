#include "netlink_shim.h"

#include <errno.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

/* Enough for every link, address, route and rule request; longer messages grow. */
static const size_t initial_capacity = 1024;

struct nl_msg *warrens_message_new(uint16_t type, uint16_t flags) {
    struct nl_msg *message = nlmsg_alloc_size(initial_capacity);
    if (message && !nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags)) {
        nlmsg_free(message);
        message = NULL;
    }
    if (!message) errno = ENOMEM;
    return message;
}

void warrens_message_free(struct nl_msg *message) { nlmsg_free(message); }

const void *warrens_message_bytes(const struct nl_msg *message) { return nlmsg_hdr((struct nl_msg *)message); }

size_t warrens_message_length(const struct nl_msg *message) {
    return nlmsg_hdr((struct nl_msg *)message)->nlmsg_len;
}

/* Makes room for `length` more bytes and their padding, doubling so that growth stays linear. */
static int reserve(struct nl_msg *message, size_t length) {
    size_t needed = warrens_message_length(message) + length + 2 * NLMSG_ALIGNTO + NLA_HDRLEN;
    size_t capacity = nlmsg_get_max_size(message);
    if (needed <= capacity) return 0;
    while (capacity < needed) capacity *= 2;
    if (nlmsg_expand(message, capacity) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int warrens_message_append(struct nl_msg *message, const void *bytes, size_t length) {
    if (reserve(message, length) < 0) return -1;
    if (nlmsg_append(message, (void *)bytes, length, NLMSG_ALIGNTO) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int warrens_attribute_put(struct nl_msg *message, int type, const void *bytes, size_t length) {
    if (length > UINT16_MAX - NLA_HDRLEN) {
        errno = EMSGSIZE;
        return -1;
    }
    if (reserve(message, length) < 0) return -1;
    if (nla_put(message, type, (int)length, bytes) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

ssize_t warrens_nest_begin(struct nl_msg *message, int type) {
    if (reserve(message, 0) < 0) return -1;
    struct nlattr *nest = nla_nest_start(message, type);
    if (!nest) {
        errno = ENOMEM;
        return -1;
    }
    /* Not the address, which does not outlive the message's growth. */
    return (char *)nest - (char *)nlmsg_hdr(message);
}

int warrens_nest_end(struct nl_msg *message, size_t place) {
    if (warrens_message_length(message) - place > UINT16_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    struct nlattr *nest = (struct nlattr *)((char *)nlmsg_hdr(message) + place);
    return nla_nest_end_keep_empty(message, nest);
}
