/* Preloaded into the binary: a disk that keeps only what was flushed.
 *
 * A flush of a file copies its content to $SHADOW/data/INODE, a flush of a directory notes its names in
 * $SHADOW/log, a flush of the whole disk does both for all below $SHADOW_ROOT. Nothing else is noted, so nothing
 * else survives. Before the flush number $SHADOW_STOP
 * the power goes: the process is killed. $SHADOW_IGNORE (files, directories) makes one class of mail's flushes
 * do nothing, which the tests must notice. $SHADOW_BREAK makes one fail; that of the whole disk is one of files. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long flushes;

static int is_told_to(const char *variable, const char *what, const char *path) {
    const char *class = getenv(variable);
    return class && strcmp(class, what) == 0 && strstr(path, "/Mail");
}

static int ignored(const char *what, const char *path) {
    return is_told_to("SHADOW_IGNORE", what, path);
}

static int broken(const char *what, const char *path) {
    errno = EIO;
    return is_told_to("SHADOW_BREAK", what, path);
}

static void note_file(int fd, const struct stat *st, const char *shadow, FILE *log, const char *path) {
    char target[PATH_MAX], source[64], buffer[65536];
    if (ignored("files", path)) return;
    snprintf(target, sizeof target, "%s/data/%llu", shadow, (unsigned long long)st->st_ino);
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    /* Opened anew: ours may be open for writing only. SQLite's own locks on it would go with a
     * close here, but nobody else asks for them. */
    int in = open(source, O_RDONLY), out = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;
    if (in < 0 || out < 0) abort();
    while ((got = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)got) != got) abort();
    close(in);
    close(out);
    fprintf(log, "F\t%llu\t%s\n", (unsigned long long)st->st_ino, path);
}

static void note_directory(FILE *log, const char *path) {
    if (ignored("directories", path)) return;
    DIR *dir = opendir(path);
    struct dirent *entry;
    if (!dir) abort();
    fprintf(log, "D\t0\t%s\n", path);
    while ((entry = readdir(dir)))
        if (entry->d_type == DT_REG)
            fprintf(log, "E\t%llu\t%s/%s\n", (unsigned long long)entry->d_ino, path, entry->d_name);
    closedir(dir);
}

/* Takes the lock; the power may go here. Gives the log. */
static FILE *begin(const char *shadow) {
    const char *stop = getenv("SHADOW_STOP");
    char name[PATH_MAX];
    pthread_mutex_lock(&lock);
    if (stop && ++flushes == atol(stop)) {
        kill(getpid(), SIGKILL);
        pause();
    }
    snprintf(name, sizeof name, "%s/log", shadow);
    FILE *log = fopen(name, "a");
    if (!log) abort();
    return log;
}

static int end(FILE *log) {
    fclose(log);
    pthread_mutex_unlock(&lock);
    return 0;
}

static int flush(int fd) {
    const char *shadow = getenv("SHADOW");
    char link[64], path[PATH_MAX];
    struct stat st;
    if (!shadow || fstat(fd, &st) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) abort();
    path[length] = 0;
    if (broken(S_ISDIR(st.st_mode) ? "directories" : "files", path)) return -1;
    FILE *log = begin(shadow);
    if (S_ISDIR(st.st_mode)) note_directory(log, path);
    else note_file(fd, &st, shadow, log, path);
    return end(log);
}

static FILE *whole;

static int note(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)place;
    if (kind == FTW_D) note_directory(whole, path);
    if (kind != FTW_F) return 0;
    int fd = open(path, O_RDONLY);
    /* Gone since it was listed. */
    if (fd < 0) return 0;
    note_file(fd, st, getenv("SHADOW"), whole, path);
    close(fd);
    return 0;
}

int syncfs(int fd) {
    const char *shadow = getenv("SHADOW"), *root = getenv("SHADOW_ROOT");
    (void)fd;
    if (!shadow || !root) return 0;
    if (broken("files", "/Mail")) return -1;
    whole = begin(shadow);
    nftw(root, note, 16, FTW_PHYS);
    return end(whole);
}

int fsync(int fd) { return flush(fd); }
int fdatasync(int fd) { return flush(fd); }
