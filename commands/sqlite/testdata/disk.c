// A layer between SQLite and the C library, loaded with LD_PRELOAD: it notes, in order, what is asked of the disk under one
// folder, and lets one request fail. Tests rebuild from the notes what a power cut could have left (see disk_test.go).
//
// KELISIM_DISK_DIR    the folder
// KELISIM_DISK_NOTES  the file of notes; each is op, 2 bytes of path length, path, 8 of offset, 8 of length, data, little-endian
// KELISIM_DISK_FAULT  OP:N:ERRNO, where OP is W (write), S (sync) or T (truncate): the Nth such request answers ERRNO
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int notes = -1;
static const char *dir;
static char fault_op;
static int fault_at, fault_errno;

__attribute__((constructor)) static void start(void) {
    const char *name = getenv("KELISIM_DISK_NOTES"), *fault = getenv("KELISIM_DISK_FAULT");
    dir = getenv("KELISIM_DISK_DIR");
    if (name && dir) notes = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fault) sscanf(fault, "%c:%d:%d", &fault_op, &fault_at, &fault_errno);
}

// The index shared between connections is memory, not disk.
static int watched(const char *path) {
    size_t n = strlen(path);
    return notes >= 0 && strncmp(path, dir, strlen(dir)) == 0 && !(n > 4 && strcmp(path + n - 4, "-shm") == 0);
}

static int path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, size - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return watched(path);
}

static void note(char op, const char *path, uint64_t offset, const void *data, uint64_t length) {
    uint16_t n = strlen(path);
    char *b = malloc(1 + 2 + n + 16 + length), *p = b;
    *p++ = op;
    memcpy(p, &n, 2), p += 2;
    memcpy(p, path, n), p += n;
    memcpy(p, &offset, 8), p += 8;
    memcpy(p, &length, 8), p += 8;
    if (length) memcpy(p, data, length), p += length;
    if (syscall(SYS_write, notes, b, p - b) != p - b) abort();
    free(b);
}

static int fails(char op) {
    if (op != fault_op || __atomic_sub_fetch(&fault_at, 1, __ATOMIC_SEQ_CST) != 0) return 0;
    note('F', "", 0, NULL, 0);
    errno = fault_errno;
    return 1;
}

int open64(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    int made = (flags & O_CREAT) && watched(path) && access(path, F_OK) != 0;
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (made && fd >= 0) note('C', path, 0, NULL, 0);
    return fd;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    char path[4096];
    int seen = path_of(fd, path, sizeof path);
    if (seen && fails('W')) return -1;
    ssize_t n = syscall(SYS_pwrite64, fd, data, length, offset);
    if (seen && n > 0) note('W', path, offset, data, n);
    return n;
}

int ftruncate64(int fd, off64_t size) {
    char path[4096];
    int seen = path_of(fd, path, sizeof path);
    if (seen && fails('T')) return -1;
    int r = syscall(SYS_ftruncate, fd, size);
    if (seen && r == 0) note('T', path, size, NULL, 0);
    return r;
}

int fsync(int fd) {
    char path[4096];
    int seen = path_of(fd, path, sizeof path);
    if (seen && fails('S')) return -1;
    int r = syscall(SYS_fsync, fd);
    if (seen && r == 0) note('S', path, 0, NULL, 0);
    return r;
}

int unlink(const char *path) {
    int seen = watched(path);
    int r = syscall(SYS_unlink, path);
    if (seen && r == 0) note('U', path, 0, NULL, 0);
    return r;
}
