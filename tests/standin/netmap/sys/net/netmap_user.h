/* SPDX-License-Identifier: MIT */
/* Replaces netmap's header; nothing can be sent with it. */
#ifndef LINERATE_STANDIN_NETMAP_USER_H
#define LINERATE_STANDIN_NETMAP_USER_H

#include <net/netmap.h>

#endif
