/* LD_PRELOAD: a wall clock that is set back by 0.7 s as soon as the file $STEPPED exists. The machine's own clock stays.
   The monotonic clock is not changed, as no step of a wall clock changes it. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS 1000000000L
#define BACK 700000000L
#define BETWEEN_LOOKS 10000000L

static long since_1970(void)
{
	static long looked, back;
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	long at = now.tv_sec * NANOSECONDS + now.tv_nsec;
	if (!back && at - looked >= BETWEEN_LOOKS) {
		const char *file = getenv("STEPPED");
		back = file && !access(file, F_OK) ? BACK : 0;
		looked = at;
	}
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	return now.tv_sec * NANOSECONDS + now.tv_nsec - back;
}

int clock_gettime(clockid_t clock, struct timespec *found)
{
	if (clock != CLOCK_REALTIME)
		return syscall(SYS_clock_gettime, clock, found);
	long now = since_1970();
	found->tv_sec = now / NANOSECONDS;
	found->tv_nsec = now % NANOSECONDS;
	return 0;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone)
{
	long now = since_1970();
	(void)zone;
	found->tv_sec = now / NANOSECONDS;
	found->tv_usec = now % NANOSECONDS / 1000;
	return 0;
}
