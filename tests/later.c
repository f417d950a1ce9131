/* Moves the wall clock LATER_SECONDS on, and the dates of files with it (`make test-later`).
 *
 * To be preloaded. The clocks that waits are counted by stay as they are: with faketime(1) moving
 * them too, or not, Python 3.11's threads hang or spin, and it leaves the dates of files behind.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#define NEXT(name, type) \
    static __typeof__(type) next; \
    if (!next) \
        next = (__typeof__(type))dlsym(RTLD_NEXT, name)

static long later(void) {
    const char *told = getenv("LATER_SECONDS");
    return told ? atol(told) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    NEXT("clock_gettime", int (*)(clockid_t, struct timespec *));
    int failed = next(clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += later();
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    NEXT("gettimeofday", int (*)(struct timeval *, void *));
    int failed = next(at, zone);
    if (!failed)
        at->tv_sec += later();
    return failed;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}

#define STAT(name, args, ...) \
    int name args { \
        NEXT(#name, int (*) args); \
        int failed = next(__VA_ARGS__); \
        if (!failed) { \
            found->st_atim.tv_sec += later(); \
            found->st_mtim.tv_sec += later(); \
            found->st_ctim.tv_sec += later(); \
        } \
        return failed; \
    }
STAT(stat, (const char *path, struct stat *found), path, found)
STAT(lstat, (const char *path, struct stat *found), path, found)
STAT(fstat, (int file, struct stat *found), file, found)
STAT(fstatat, (int at, const char *path, struct stat *found, int how), at, path, found, how)
STAT(stat64, (const char *path, struct stat64 *found), path, found)
STAT(lstat64, (const char *path, struct stat64 *found), path, found)
STAT(fstat64, (int file, struct stat64 *found), file, found)
STAT(fstatat64, (int at, const char *path, struct stat64 *found, int how), at, path, found, how)

/* Moves back what is to be written; UTIME_NOW and UTIME_OMIT stay. */
static const struct timespec *back(const struct timespec *at, struct timespec *both) {
    if (!at)
        return at;
    for (int i = 0; i < 2; i++) {
        both[i] = at[i];
        if (at[i].tv_nsec < 1000000000L)
            both[i].tv_sec -= later();
    }
    return both;
}

int utimensat(int at, const char *path, const struct timespec dates[2], int how) {
    NEXT("utimensat", int (*)(int, const char *, const struct timespec *, int));
    struct timespec both[2];
    return next(at, path, back(dates, both), how);
}

int futimens(int file, const struct timespec dates[2]) {
    NEXT("futimens", int (*)(int, const struct timespec *));
    struct timespec both[2];
    return next(file, back(dates, both));
}
