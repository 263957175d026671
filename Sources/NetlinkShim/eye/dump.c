#include "dump.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct collection {
    const struct warrens_eye_question *question;
    char *items;
    size_t count;
    size_t capacity;
};

static int collect(const struct nlmsghdr *message, void *context) {
    struct collection *collection = context;
    size_t size = collection->question->item_size;
    if (collection->count == collection->capacity) {
        size_t capacity = collection->capacity ? 2 * collection->capacity : 64;
        char *items = realloc(collection->items, capacity * size);
        if (!items) return MNL_CB_ERROR;
        collection->items = items;
        collection->capacity = capacity;
    }
    char *item = collection->items + collection->count * size;
    memset(item, 0, size);
    collection->question->read(message, item);
    collection->count++;
    return MNL_CB_OK;
}

static int ask(struct mnl_socket *socket, struct collection *collection, int family, unsigned sequence) {
    char buffer[64 * 1024];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    request->nlmsg_type = collection->question->type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = sequence;
    *(uint8_t *)mnl_nlmsg_put_extra_header(request, collection->question->header_size) = (uint8_t)family;
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) return -1;
    int status;
    do {
        ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
        if (length < 0) return -1;
        status = mnl_cb_run(buffer, (size_t)length, sequence, mnl_socket_get_portid(socket), collect, collection);
    } while (status > MNL_CB_STOP);
    return status;
}

ssize_t warrens_eye_dump(const struct warrens_eye_question *question, const int *families, void **list) {
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!socket) return -1;
    struct collection collection = {.question = question};
    int status = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID);
    unsigned sequence = 1;
    for (const int *family = families; status >= 0 && *family >= 0; sequence++) {
        size_t before = collection.count;
        status = ask(socket, &collection, *family, sequence);
        /* EINTR: objects changed while they were listed. */
        if (status < 0 && errno == EINTR && sequence < 32) {
            collection.count = before;
            status = 0;
        } else {
            family++;
        }
    }
    int code = errno;
    mnl_socket_close(socket);
    if (status < 0) {
        free(collection.items);
        errno = code;
        return -1;
    }
    *list = collection.items;
    return (ssize_t)collection.count;
}

void warrens_eye_copy(const struct nlattr *attribute, void *destination, size_t size) {
    size_t length = mnl_attr_get_payload_len(attribute);
    memcpy(destination, mnl_attr_get_payload(attribute), length < size ? length : size);
}
