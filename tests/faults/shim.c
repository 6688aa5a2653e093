/* Records what a process writes below one folder, for tests of power loss: every write, truncation, fsync, rename and
   removal, in order, with its data, into the file named by TOCSIN_SHIM_LOG; the folder is TOCSIN_SHIM_FOLDER.
   With TOCSIN_SHIM_FULL=N, writes fail with ENOSPC once N bytes were written, until the file named by
   TOCSIN_SHIM_ROOM is there. An entry: op (1 byte), path length and data length (u32, little), offset (u64), path, data. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2;
static char folder[PATH_MAX];
static long long full_after = -1, written = 0;

static void begin(void) {
    if (log_fd != -2) return;
    const char *log = getenv("TOCSIN_SHIM_LOG"), *where = getenv("TOCSIN_SHIM_FOLDER"), *full = getenv("TOCSIN_SHIM_FULL");
    log_fd = -1;
    if (!where || !realpath(where, folder)) return;
    if (full) full_after = atoll(full);
    if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0) return 0;
    path[size] = 0;
    size_t head = strlen(folder);
    return head && strncmp(path, folder, head) == 0 && path[head] == '/';
}

static void note(char op, const char *path, uint64_t offset, const void *data, uint32_t size) {
    if (log_fd < 0) return;
    unsigned char head[17];
    uint32_t length = strlen(path);
    head[0] = op;
    memcpy(head + 1, &length, 4), memcpy(head + 5, &size, 4), memcpy(head + 9, &offset, 8);
    size_t whole = 17 + length + size, at = 0;
    char *entry = malloc(whole);
    memcpy(entry, head, 17), memcpy(entry + 17, path, length);
    if (size) memcpy(entry + 17 + length, data, size);
    while (at < whole) {
        ssize_t done = syscall(SYS_write, log_fd, entry + at, whole - at);
        if (done <= 0) break;
        at += done;
    }
    free(entry);
}

static int is_full(size_t size) {
    const char *room = getenv("TOCSIN_SHIM_ROOM");
    if (full_after < 0) return 0;
    written += size;
    return written > full_after && (!room || syscall(SYS_access, room, F_OK) != 0);
}

/* The lock is held around the call and its entry, so that the log's order is the order of what happened. */
#define WATCHED(fd, op, offset, data, size, call)                                 \
    char path[PATH_MAX];                                                          \
    pthread_mutex_lock(&lock);                                                    \
    begin();                                                                      \
    int mine = path_of(fd, path);                                                 \
    if (mine && (op) == 'w' && is_full(size)) {                                   \
        pthread_mutex_unlock(&lock);                                              \
        errno = ENOSPC;                                                           \
        return -1;                                                                \
    }                                                                             \
    long found = call;                                                            \
    int error = errno;                                                            \
    if (found >= 0 && mine) note(op, path, offset, data, (op) == 'w' ? found : 0); \
    pthread_mutex_unlock(&lock);                                                  \
    errno = error;                                                                \
    return found;

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    WATCHED(fd, 'w', offset, data, size, syscall(SYS_pwrite64, fd, data, size, offset))
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    WATCHED(fd, 'w', offset, data, size, syscall(SYS_pwrite64, fd, data, size, offset))
}
ssize_t write(int fd, const void *data, size_t size) {
    int appends = syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
    uint64_t at = syscall(SYS_lseek, fd, 0, appends ? SEEK_END : SEEK_CUR);
    WATCHED(fd, 'w', at, data, size, syscall(SYS_write, fd, data, size))
}
int fsync(int fd) { WATCHED(fd, 's', 0, 0, 0, syscall(SYS_fsync, fd)) }
int fdatasync(int fd) { WATCHED(fd, 's', 0, 0, 0, syscall(SYS_fdatasync, fd)) }
int ftruncate(int fd, off_t size) { WATCHED(fd, 't', size, 0, 0, syscall(SYS_ftruncate, fd, size)) }
int ftruncate64(int fd, off64_t size) { WATCHED(fd, 't', size, 0, 0, syscall(SYS_ftruncate, fd, size)) }

static int inside(const char *given, char *path) {
    char head[PATH_MAX];
    const char *slash = strrchr(given, '/');
    snprintf(head, sizeof head, "%.*s", slash ? (int)(slash - given) : 1, slash ? given : ".");
    if (!realpath(head, path)) return 0;
    strncat(path, "/", PATH_MAX - strlen(path) - 1);
    strncat(path, slash ? slash + 1 : given, PATH_MAX - strlen(path) - 1);
    return folder[0] && strncmp(path, folder, strlen(folder)) == 0;
}

static int moved(const char *from, const char *to) {
    char source[PATH_MAX], target[PATH_MAX];
    pthread_mutex_lock(&lock);
    begin();
    int mine = inside(from, source) && inside(to, target);
    int found = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), error = errno;
    if (!found && mine) note('r', source, 0, target, strlen(target));
    pthread_mutex_unlock(&lock);
    errno = error;
    return found;
}
int rename(const char *from, const char *to) { return moved(from, to); }
int renameat(int a, const char *from, int b, const char *to) { (void)a, (void)b; return moved(from, to); }

int unlink(const char *given) {
    char path[PATH_MAX];
    pthread_mutex_lock(&lock);
    begin();
    int mine = inside(given, path);
    int found = syscall(SYS_unlinkat, AT_FDCWD, given, 0), error = errno;
    if (!found && mine) note('u', path, 0, 0, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return found;
}
