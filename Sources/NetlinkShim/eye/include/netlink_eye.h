#ifndef WARRENS_NETLINK_EYE_H
#define WARRENS_NETLINK_EYE_H

int warrens_eye_placeholder(void);

#endif
