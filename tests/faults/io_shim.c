/* Makes the n-th operation on files in one folder fail, in a program that runs with this library preloaded.

   IO_FAULT_FOLDER is the folder, IO_FAULT_AT the number of the operation from 0 (-1 for none), and
   IO_FAULT_KIND is error, short, full or crash. The number of operations so far is in the file that
   IO_FAULT_COUNT names, as text of a fixed width. Counted are writes, syncs, truncations, renames, removals and
   opening for writing. A forked process begins anew once its environment has a folder: servers are forked from a process
   that has loaded the program. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long fails_at, count;
static char kind;
static int count_file;
static pid_t process;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;

static void begin(void) {
    const char *at = getenv("IO_FAULT_AT"), *which = getenv("IO_FAULT_KIND");
    const char *path = getenv("IO_FAULT_FOLDER"), *counted = getenv("IO_FAULT_COUNT");
    fails_at = at ? atol(at) : -1;
    kind = which ? which[0] : 'e';
    snprintf(folder, sizeof folder, path ? "%s/" : "", path);
    folder_length = strlen(folder);
    count = 0;
    count_file = counted ? (int)syscall(SYS_openat, AT_FDCWD, counted, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;
    process = getpid();
}

static int is_inside(const char *path) {
    pthread_mutex_lock(&lock);
    if (process != getpid() && getenv("IO_FAULT_FOLDER")) begin();
    pthread_mutex_unlock(&lock);
    return folder_length && path && strncmp(path, folder, folder_length) == 0;
}

static int is_file_inside(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_inside(path);
}

static void crash(void) {
    raise(SIGKILL);
}

/* Whether this operation is the one that fails. */
static int is_now(void) {
    char text[32];
    pthread_mutex_lock(&lock);
    long number = count++;
    int size = snprintf(text, sizeof text, "%20ld\n", count);
    if (count_file >= 0 && syscall(SYS_pwrite64, count_file, text, size, 0) != size) crash();
    pthread_mutex_unlock(&lock);
    return number == fails_at;
}

static int fail(void) {
    if (kind == 'c') crash();
    errno = kind == 'f' ? ENOSPC : EIO;
    return -1;
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* A write that fails: a short one writes half, a full disk and a crash come after half. */
static ssize_t failed_write(int file, const void *content, size_t size, off_t offset, int has_offset) {
    if (kind == 'e') return fail();
    size_t half = size / 2;
    ssize_t (*at)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    ssize_t (*plain)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    ssize_t written = half ? (has_offset ? at(file, content, half, offset) : plain(file, content, half)) : 0;
    if (kind == 's' && written > 0) return written;
    return fail();
}

ssize_t write(int file, const void *content, size_t size) {
    REAL(write);
    if (is_file_inside(file) && is_now()) return failed_write(file, content, size, 0, 0);
    return real(file, content, size);
}

#define PWRITE(name)                                                                     \
    ssize_t name(int file, const void *content, size_t size, off_t offset) {             \
        REAL(name);                                                                      \
        if (is_file_inside(file) && is_now())                                            \
            return failed_write(file, content, size, offset, 1);                         \
        return real(file, content, size, offset);                                        \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name)                                                                    \
    ssize_t name(int file, const struct iovec *pieces, int number, off_t offset) {       \
        REAL(name);                                                                      \
        if (is_file_inside(file) && is_now())                                            \
            return failed_write(file, pieces[0].iov_base, pieces[0].iov_len, offset, 1); \
        return real(file, pieces, number, offset);                                       \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define ON_FILE(name, parameters, arguments)                     \
    int name parameters {                                        \
        REAL(name);                                              \
        if (is_file_inside(file) && is_now()) return fail();     \
        return real arguments;                                   \
    }
ON_FILE(fsync, (int file), (file))
ON_FILE(fdatasync, (int file), (file))
ON_FILE(ftruncate, (int file, off_t size), (file, size))
ON_FILE(ftruncate64, (int file, off_t size), (file, size))

/* posix_fallocate returns the number of the error. */
#define FALLOCATE(name)                                                                      \
    int name(int file, off_t offset, off_t size) {                                           \
        REAL(name);                                                                          \
        if (is_file_inside(file) && is_now()) return fail(), kind == 'f' ? ENOSPC : EIO;     \
        return real(file, offset, size);                                                     \
    }
FALLOCATE(posix_fallocate)
FALLOCATE(posix_fallocate64)

int rename(const char *from, const char *to) {
    REAL(rename);
    if (is_inside(to) && is_now()) return fail();
    return real(from, to);
}

int unlink(const char *path) {
    REAL(unlink);
    if (is_inside(path) && is_now()) return fail();
    return real(path);
}

#define OPEN(name)                                                                    \
    int name(const char *path, int flags, ...) {                                      \
        REAL(name);                                                                   \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode_t mode = va_arg(rest, mode_t);                                           \
        va_end(rest);                                                                 \
        if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) && is_inside(path) && is_now())   \
            return fail();                                                            \
        return real(path, flags, mode);                                               \
    }
OPEN(open)
OPEN(open64)
