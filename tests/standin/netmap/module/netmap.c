// SPDX-License-Identifier: MIT OR GPL-2.0
/* The parts of netmap's module that its installation needs: a device, parameters, a symbol for drivers. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

/* Names and defaults are netmap's (netmap(4)). */
static int admode;
module_param(admode, int, 0644);
MODULE_PARM_DESC(admode, "0: native if there is, 1: native only, 2: emulated only (nothing depends on it here)");

static int buf_num = 163840;
module_param(buf_num, int, 0644);
MODULE_PARM_DESC(buf_num, "number of buffers (none are allocated here)");

static int buf_size = 2048;
module_param(buf_size, int, 0644);
MODULE_PARM_DESC(buf_size, "size of a buffer in bytes (none are allocated here)");

static int ring_size = 36864;
module_param(ring_size, int, 0644);
MODULE_PARM_DESC(ring_size, "size of a ring in bytes (none are allocated here)");

/* Drivers that use this symbol need this module, which cannot be removed while they are loaded. */
void netmap_standin_attach(void);
void netmap_standin_attach(void)
{
}
EXPORT_SYMBOL_GPL(netmap_standin_attach);

static long refuse(struct file *file, unsigned int command, unsigned long argument)
{
	return -EOPNOTSUPP;
}

/* A process that has the device open keeps the module busy. */
static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = refuse,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "netmap",
	.fops = &operations,
	.mode = 0600,
};

module_misc_device(device);

MODULE_DESCRIPTION("Stand-in for netmap, for tests: it carries no traffic");
MODULE_LICENSE("Dual MIT/GPL");
