// SPDX-License-Identifier: MIT OR GPL-2.0
/* Linked into a driver of the kernel, it makes the driver need netmap.ko. */
void netmap_standin_attach(void);

void (*const netmap_standin_used)(void) __attribute__((used)) = netmap_standin_attach;
