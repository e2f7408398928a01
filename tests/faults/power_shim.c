/* Keeps a shadow of a folder that has only what was synced, in a program that runs with this library preloaded.

   IO_FAULT_FOLDER is the folder and EVENTKEEP_SHADOW the folder of the shadow. A sync of a file copies its
   content to files/<inode>, a sync of a folder writes its names with their inodes to folders/<inode>. The file system
   must not use an inode again: tmpfs does not. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[PATH_MAX], shadow[PATH_MAX];
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("IO_FAULT_FOLDER"), *other = getenv("EVENTKEEP_SHADOW");
    if (path) snprintf(folder, sizeof folder, "%s", path);
    if (other) snprintf(shadow, sizeof shadow, "%s", other);
    folder_length = strlen(folder);
}

static int is_inside(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return folder_length && strncmp(path, folder, folder_length) == 0 &&
           (path[folder_length] == 0 || path[folder_length] == '/');
}

static void copy_content(int file, int target) {
    static __thread char piece[1 << 20];
    off_t offset = 0;
    ssize_t size;
    char link[64];
    /* The descriptor may be open for writing alone. */
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    int source = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    if (source < 0) abort();
    while ((size = pread(source, piece, sizeof piece, offset)) > 0) {
        if (write(target, piece, (size_t)size) != size) abort();
        offset += size;
    }
    close(source);
}

static void write_names(int file, int target) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    DIR *entries = opendir(link);
    if (!entries) abort();
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            dprintf(target, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    closedir(entries);
}

/* Called after a sync, before the program learns of it. */
static void keep(int file) {
    struct stat found;
    char path[PATH_MAX + 64], unfinished[PATH_MAX + 96];
    if (!shadow[0] || !is_inside(file) || fstat(file, &found)) return;
    int is_folder = S_ISDIR(found.st_mode);
    snprintf(path, sizeof path, "%s/%s/%lu", shadow, is_folder ? "folders" : "files", (unsigned long)found.st_ino);
    snprintf(unfinished, sizeof unfinished, "%s.%ld", path, syscall(SYS_gettid));
    int target = (int)syscall(SYS_openat, AT_FDCWD, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (target < 0) abort();
    if (is_folder)
        write_names(file, target);
    else
        copy_content(file, target);
    close(target);
    if (rename(unfinished, path)) abort();
}

#define SYNC(name)                                                            \
    int name(int file) {                                                      \
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name);             \
        int done = real(file);                                                \
        if (done == 0) keep(file);                                            \
        return done;                                                          \
    }
SYNC(fsync)
SYNC(fdatasync)
