/* SPDX-License-Identifier: MIT */
/* Replaces netmap's header; nothing can be sent with it. */
#ifndef LINERATE_STANDIN_NETMAP_H
#define LINERATE_STANDIN_NETMAP_H

#define NETMAP_API 14

#endif
