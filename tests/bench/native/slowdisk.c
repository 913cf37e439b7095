/* A disk whose flush takes its time: one file, IMAGE, shown as MOUNTPOINT/disk by FUSE, to be given to losetup.
 *
 *     slowdisk IMAGE MOUNTPOINT MICROSECONDS
 *
 * Reads and writes go to IMAGE within the kernel (FUSE passthrough, Linux 6.9) and cost what they cost there. A flush comes
 * here, waits, and flushes IMAGE: one after the other, as a drive does it. Ends when it is unmounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Debian 12's headers are older than the kernels that have these. */
struct backing_map { int32_t fd; uint32_t flags; uint64_t padding; };
struct open_reply { uint64_t fh; uint32_t open_flags; int32_t backing_id; };
struct init_reply {
    uint32_t major, minor, max_readahead, flags;
    uint16_t max_background, congestion_threshold;
    uint32_t max_write, time_gran;
    uint16_t max_pages, map_alignment;
    uint32_t flags2, max_stack_depth, unused[6];
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define INIT_EXT (1u << 30)
#define PASSTHROUGH_FLAG2 (1u << 5)
#define OPEN_PASSTHROUGH (1u << 7)

enum { ROOT = 1, DISK = 2 };
static const char *NAME = "disk";
static int device, image;
static long flush_us;

static void die(const char *what) { perror(what); exit(1); }

static void reply(uint64_t unique, int error, const void *data, size_t size) {
    struct fuse_out_header head = {.len = sizeof head + (error ? 0 : size), .error = -error, .unique = unique};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, size}};
    if (writev(device, parts, error ? 1 : 2) < 0 && errno != ENOENT) die("answering the kernel");
}

static struct fuse_attr attributes(uint64_t node) {
    struct stat st;
    if (fstat(image, &st)) die("fstat");
    struct fuse_attr attr = {.ino = node, .nlink = 1, .blksize = 4096, .mode = S_IFDIR | 0755};
    if (node == DISK) {
        attr.mode = S_IFREG | 0600;
        attr.size = st.st_size;
        attr.blocks = st.st_blocks;
    }
    return attr;
}

static void init(uint64_t unique, const struct fuse_init_in *in) {
    if (in->minor < 40) { fprintf(stderr, "slowdisk: this kernel has no FUSE passthrough (Linux 6.9)\n"); exit(1); }
    struct init_reply out = {.major = FUSE_KERNEL_VERSION, .minor = 40, .max_readahead = in->max_readahead, .flags = INIT_EXT,
        .max_background = 64, .congestion_threshold = 48, .max_write = 1 << 20, .time_gran = 1,
        .flags2 = PASSTHROUGH_FLAG2, .max_stack_depth = 1};
    reply(unique, 0, &out, sizeof out);
}

static void lookup(uint64_t unique, const char *name) {
    struct fuse_entry_out out = {.nodeid = DISK, .attr_valid = 3600, .entry_valid = 3600, .attr = attributes(DISK)};
    reply(unique, strcmp(name, NAME) ? ENOENT : 0, &out, sizeof out);
}

static void open_disk(uint64_t unique) {
    struct backing_map map = {.fd = image};
    int id = ioctl(device, BACKING_OPEN, &map);
    if (id < 0) die("FUSE passthrough");
    struct open_reply out = {.open_flags = OPEN_PASSTHROUGH, .backing_id = id};
    reply(unique, 0, &out, sizeof out);
}

static void flush(uint64_t unique) {
    struct timespec pause = {flush_us / 1000000, flush_us % 1000000 * 1000};
    while (nanosleep(&pause, &pause) && errno == EINTR) {}
    reply(unique, fdatasync(image) ? errno : 0, NULL, 0);
}

static void answer(const struct fuse_in_header *head, const void *body) {
    struct fuse_attr_out attr = {.attr_valid = 3600, .attr = attributes(head->nodeid)};
    switch (head->opcode) {
    case FUSE_INIT: init(head->unique, body); break;
    case FUSE_LOOKUP: lookup(head->unique, body); break;
    case FUSE_GETATTR: case FUSE_SETATTR: reply(head->unique, 0, &attr, sizeof attr); break;
    case FUSE_OPEN: open_disk(head->unique); break;
    case FUSE_FSYNC: flush(head->unique); break;
    case FUSE_FLUSH: case FUSE_RELEASE: case FUSE_ACCESS: case FUSE_DESTROY: reply(head->unique, 0, NULL, 0); break;
    case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
    default: reply(head->unique, ENOSYS, NULL, 0);
    }
}

int main(int argc, char **argv) {
    if (argc != 4 || (flush_us = atol(argv[3])) <= 0) { fprintf(stderr, "usage: slowdisk IMAGE MOUNTPOINT MICROSECONDS\n"); return 2; }
    if ((image = open(argv[1], O_RDWR)) < 0) die(argv[1]);
    if ((device = open("/dev/fuse", O_RDWR)) < 0) die("/dev/fuse");
    char options[96];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
    if (mount("slowdisk", argv[2], "fuse", MS_NOSUID | MS_NODEV, options)) die(argv[2]);
    static char request[(1 << 20) + 4096];
    for (;;) {
        ssize_t got = read(device, request, sizeof request);
        if (got < 0 && errno == ENODEV) return 0;
        if (got < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
        if (got < (ssize_t)sizeof(struct fuse_in_header)) die("reading from the kernel");
        const struct fuse_in_header *head = (const void *)request;
        answer(head, request + sizeof *head);
    }
}
